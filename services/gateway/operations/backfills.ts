import type { Backfill } from "@convergence/contracts";
import type { TemplateName } from "@convergence/pipeline/types.ts";
import { iso } from "@convergence/runtime/iso.ts";
import { requireTenant, type TenantCaller } from "../access.ts";
import { commandMeta, idempotency } from "../commands.ts";
import type { JsonObject } from "../json.ts";
import { ApiProblem, invalid } from "../problem.ts";
import { type BackfillRow, datesOf } from "../views/runs/orders.ts";
import type { Context, RequestHead } from "./context.ts";
import { order } from "./order.ts";
import { CATCH_UP_MS } from "./read-runs.ts";
import { variablesFaults } from "./schedules.ts";
import { findTemplate } from "./templates.ts";

/** So many dates may a backfill have. */
const MAX_DATES = 3_660;

export interface BackfillRequest {
  /** ISO date, inclusive. */
  from: string;
  to: string;
  variables: JsonObject;
  max_concurrent: number;
  trigger_by: string;
}

/** Starts a run for each date, so many at once. @throws ApiProblem 403, 404, 409, 422, 503 */
export async function startBackfill(
  context: Context,
  caller: TenantCaller,
  path: TemplateName & { tenantId: string },
  request: BackfillRequest,
  head: RequestHead,
): Promise<{ backfill_id: string; dates: number; message: string }> {
  requireTenant(caller, path.tenantId);
  findTemplate(context.deps.catalogue, path);
  const problems = variablesFaults(request.variables);
  if (Object.hasOwn(request.variables, "date")) {
    problems.push({ field: "variables.date", message: "is each date in turn: leave it out" });
  }
  const dates = datesOf(request);
  if (dates < 1) problems.push({ field: "to", message: "lies before from" });
  if (dates > MAX_DATES) problems.push({ field: "to", message: `${dates} dates, more than ${MAX_DATES}` });
  if (problems.length > 0) throw invalid(problems);
  const { provider, domain, name } = path;
  const { from, to, max_concurrent, trigger_by } = request;
  const id = context.deps.random.uuid();
  const backfill: Backfill = {
    ...{ backfill_id: id, provider, domain, template: name, from, to, max_concurrent, trigger_by },
    parameters: JSON.stringify(request.variables),
  };
  const route = `backfill|${provider}/${domain}/${name}`;
  const key = idempotency(head.idempotencyKey, route, request);
  const meta = commandMeta(context.deps, caller.tenantId);
  const command = { type: "StartBackfill" as const, meta, backfill, idempotency: key };
  const outcome = await order(context, command, head.trace);
  const started = outcome.type === "RunRepeated" ? outcome.first_run_id : id;
  return { backfill_id: started, dates, message: "Backfill started" };
}

/** Begins no more dates and ends its open runs. @throws ApiProblem 404; 409 for one that is over; 503 */
export async function cancelBackfill(context: Context, caller: TenantCaller, id: string, head: RequestHead) {
  await findBackfill(context, caller, id);
  const meta = commandMeta(context.deps, caller.tenantId);
  await order(context, { type: "CancelBackfill", meta, backfill_id: id }, head.trace);
  return readBackfill(context, caller, id);
}

/** How far a backfill is. @throws ApiProblem 404 */
export async function readBackfill(context: Context, caller: TenantCaller, id: string) {
  const row = await findBackfill(context, caller, id);
  const { backfill, acceptedAt, endedAt, open, begun, complete, failed, cancelled, refused, failures } = row;
  const { provider, domain, template, from, to, max_concurrent, trigger_by } = backfill;
  const variables: JsonObject = JSON.parse(backfill.parameters);
  return {
    backfill_id: id,
    template: `${provider}/${domain}/${template}`,
    ...{ from, to, variables, max_concurrent, trigger_by },
    status: statusOf(row),
    start_time: iso(acceptedAt),
    end_time: iso(endedAt),
    dates: {
      total: datesOf(backfill),
      waiting: datesOf(backfill) - begun,
      open: open.length,
      complete,
      failed,
      cancelled,
      refused,
    },
    open_runs: open.map(({ date, runId }) => ({ date, pipeline_logging_id: runId })),
    failures: failures.map(({ date, runId, error }) => ({
      date,
      pipeline_logging_id: runId,
      error_message: error,
    })),
  };
}

async function findBackfill(context: Context, caller: TenantCaller, id: string): Promise<BackfillRow> {
  await context.runs.follower.caughtUp(CATCH_UP_MS);
  const row = context.runs.orders.backfill(caller.tenantId, id);
  if (row !== undefined) return row;
  throw new ApiProblem(404, "backfill-not-found", "This tenant has no backfill of this id.");
}

function statusOf({ endedAt, isCancelled, failed, refused, cancelled }: BackfillRow): string {
  if (endedAt === null) return isCancelled ? "CANCELLING" : "RUNNING";
  if (isCancelled) return "CANCELLED";
  return failed + refused + cancelled === 0 ? "COMPLETE" : "FAILED";
}
