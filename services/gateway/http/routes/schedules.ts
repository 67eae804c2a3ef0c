import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { jsonObject, tenantParams, time } from "../schemas.ts";

const PATH = "/api/v1/customers/{tenant_id}/schedules/{name}";
const params = tenantParams.extend({ name: z.string().meta({ example: "daily-export" }) });
const variables = jsonObject.meta({ type: "object", additionalProperties: true });
const catchUp = z
  .enum(["none", "last", "all"])
  .meta({ description: "Missed slots: none is run, the latest is, or the latest catch_up_max are." });

const request = z.strictObject({
  template: z.string().meta({ example: "gcp/cost/bill-sample-export-template" }),
  variables: variables.default({}),
  cron: z
    .string()
    .max(200)
    .optional()
    .meta({ description: "Five fields; else the template's.", example: "0 6 * * *" }),
  timezone: z.string().max(100).optional().meta({
    description: "IANA name; else the template's where cron is, else UTC.",
    example: "Europe/Berlin",
  }),
  catch_up: catchUp.default("last"),
  catch_up_max: z.int().min(1).max(100).default(10),
  enabled: z.boolean().default(true),
});

const schedule = z
  .object({
    name: z.string(),
    template: z.string(),
    variables,
    cron: z.string(),
    timezone: z.string(),
    catch_up: catchUp,
    catch_up_max: z.int(),
    enabled: z.boolean(),
    updated_at: time,
    next_run_at: time.nullable(),
    next_runs: z.array(time),
    last_slot: time.nullable(),
    last_run_id: z.string().nullable(),
    last_refusal: z.string().nullable().meta({ description: "Why the last slot had no run." }),
    last_skipped: z.object({ after: time, to: time }).nullable(),
  })
  .meta({ id: "Schedule" });

export const putSchedule = defineRoute({
  method: "put",
  path: PATH,
  operationId: "putSchedule",
  summary: "Set a schedule",
  description: "New, or in place of the one of its name. Each slot has its run once.",
  tag: "customers",
  who: "tenant",
  scope: "run",
  params,
  body: request,
  success: { status: 200, description: "Set, with the next times.", schema: schedule },
  problems: [401, 403, 404, 409, 422, 503],
  async handle({ gateway, caller, params, body, head }) {
    const { tenant_id: tenantId, name } = params;
    return { status: 200, body: await gateway.putSchedule(caller, { tenantId, name }, body, head) };
  },
});

export const readSchedule = defineRoute({
  method: "get",
  path: PATH,
  operationId: "readSchedule",
  summary: "Read a schedule",
  description: "With its next times, and what became of its last slot.",
  tag: "customers",
  who: "tenant",
  scope: "read",
  params,
  success: { status: 200, description: "The schedule.", schema: schedule },
  problems: [401, 403, 404],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.schedule(caller, params.tenant_id, params.name) };
  },
});

export const deleteSchedule = defineRoute({
  method: "delete",
  path: PATH,
  operationId: "deleteSchedule",
  summary: "Delete a schedule",
  description: "No more slots; runs that are open go on.",
  tag: "customers",
  who: "tenant",
  scope: "run",
  params,
  success: { status: 204, description: "Deleted.", schema: null },
  problems: [401, 403, 404, 503],
  async handle({ gateway, caller, params, head }) {
    const { tenant_id: tenantId, name } = params;
    await gateway.deleteSchedule(caller, { tenantId, name }, head);
    return { status: 204 };
  },
});

export const listSchedules = defineRoute({
  method: "get",
  path: "/api/v1/customers/{tenant_id}/schedules",
  operationId: "listSchedules",
  summary: "List schedules",
  description: "By name.",
  tag: "customers",
  who: "tenant",
  scope: "read",
  params: tenantParams,
  success: {
    status: 200,
    description: "The tenant's schedules.",
    schema: z.object({ schedules: z.array(schedule) }),
  },
  problems: [401, 403],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.schedules(caller, params.tenant_id) };
  },
});
