import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { runId, triggered } from "../schemas.ts";

export const retryRun = defineRoute({
  method: "post",
  path: "/api/v1/pipelines/runs/{id}/retry",
  operationId: "retryRun",
  summary: "Go on from where a run failed",
  description:
    "A new run of the same template and variables; steps that the first one completed are SKIPPED. For a run that is " +
    "FAILED or CANCELLED, while its template is unchanged.",
  tag: "pipelines",
  who: "tenant",
  scope: "run",
  idempotent: true,
  params: z.object({ id: runId }),
  success: {
    status: 200,
    description: "Triggered. Save pipeline_logging_id to follow the new run.",
    schema: triggered.extend({ retry_of: runId }).meta({ id: "Retried" }),
  },
  problems: [401, 403, 404, 409, 422, 429, 503],
  async handle({ gateway, caller, params, head }) {
    return { status: 200, body: await gateway.retryRun(caller, params.id, head) };
  },
});
