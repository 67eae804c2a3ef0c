import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { jsonObject, tenantParams, time } from "../schemas.ts";

const variables = jsonObject.meta({ type: "object", additionalProperties: true });
const date = z.iso.date().meta({ example: "2025-11-15" });
const params = z.object({ id: z.string().meta({ description: "backfill_id, as its start told it." }) });
const one = z.object({ date, pipeline_logging_id: z.string() });

const progress = z
  .object({
    backfill_id: z.string(),
    template: z.string(),
    from: date,
    to: date,
    variables,
    max_concurrent: z.int(),
    trigger_by: z.string(),
    status: z.enum(["RUNNING", "CANCELLING", "COMPLETE", "FAILED", "CANCELLED"]),
    start_time: time,
    end_time: time.nullable(),
    dates: z.object({
      total: z.int(),
      waiting: z.int(),
      open: z.int(),
      complete: z.int(),
      failed: z.int(),
      cancelled: z.int(),
      refused: z.int(),
    }),
    open_runs: z.array(one),
    failures: z
      .array(
        z.object({ date, pipeline_logging_id: z.string().nullable(), error_message: z.string().nullable() }),
      )
      .meta({ description: "The last 100 dates that did not complete." }),
  })
  .meta({ id: "Backfill" });

export const startBackfill = defineRoute({
  method: "post",
  path: "/api/v1/pipelines/backfill/{tenant_id}/{provider}/{domain}/{template_name}",
  operationId: "startBackfill",
  summary: "Run a template for each date of a range",
  description:
    "At most max_concurrent of its runs are open at once, oldest date first; a date that fails or is refused holds up none.",
  tag: "pipelines",
  who: "tenant",
  scope: "run",
  idempotent: true,
  params: tenantParams.extend({ provider: z.string(), domain: z.string(), template_name: z.string() }),
  body: z.strictObject({
    from: date,
    to: date.meta({ description: "Inclusive." }),
    variables: variables.default({}),
    max_concurrent: z.int().min(1).max(50).default(2),
    trigger_by: z.string().min(1).max(256).default("api_user"),
  }),
  success: {
    status: 200,
    description: "Started. Follow it by backfill_id.",
    schema: z.object({ backfill_id: z.string(), dates: z.int(), message: z.string() }),
  },
  problems: [401, 403, 404, 409, 422, 503],
  async handle({ gateway, caller, params, body, head }) {
    const { tenant_id: tenantId, provider, domain, template_name: name } = params;
    const path = { tenantId, provider, domain, name };
    return { status: 200, body: await gateway.startBackfill(caller, path, body, head) };
  },
});

export const readBackfill = defineRoute({
  method: "get",
  path: "/api/v1/pipelines/backfills/{id}",
  operationId: "readBackfill",
  summary: "Read a backfill's progress",
  description: "Kept for as long as the log's events are.",
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  params,
  success: { status: 200, description: "How far it is.", schema: progress },
  problems: [401, 403, 404],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.backfill(caller, params.id) };
  },
});

export const cancelBackfill = defineRoute({
  method: "post",
  path: "/api/v1/pipelines/backfills/{id}/cancel",
  operationId: "cancelBackfill",
  summary: "Cancel a backfill",
  description: "No more dates are begun, and its open runs are cancelled.",
  tag: "pipelines",
  who: "tenant",
  scope: "run",
  params,
  success: { status: 200, description: "How far it is.", schema: progress },
  problems: [401, 403, 404, 409, 503],
  async handle({ gateway, caller, params, head }) {
    return { status: 200, body: await gateway.cancelBackfill(caller, params.id, head) };
  },
});
