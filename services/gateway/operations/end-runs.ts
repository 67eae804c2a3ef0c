import type { CancelRun, SubmitRun } from "@convergence/contracts";
import type { TenantCaller } from "../access.ts";
import { commandMeta, idempotency, send } from "../commands.ts";
import type { JsonObject } from "../json.ts";
import { ApiProblem, unavailable } from "../problem.ts";
import { OUTCOME_MS } from "../views/runs/fold.ts";
import { isOver, type RunRow } from "../views/runs/row.ts";
import type { Context, RequestHead } from "./context.ts";
import { CATCH_UP_MS, findRun } from "./read-runs.ts";
import { type RunDetail, runDetail } from "./run-shapes.ts";
import { askFor, knownVersion, type Triggered } from "./submit-run.ts";

/** How long the end of a run that is cancelled may take to be seen, in milliseconds. */
const END_MS = 2_000;

/**
 * Ends an open run as CANCELLED; its BigQuery jobs are asked to stop. To cancel one that is CANCELLED changes nothing.
 * @throws ApiProblem 404 for no such run of this tenant, 409 for one that ended otherwise, 503 without an outcome.
 */
export async function cancelRun(
  context: Context,
  caller: TenantCaller,
  runId: string,
  head: RequestHead,
): Promise<RunDetail> {
  const row = await findRun(context, caller, runId);
  if (!isOver(row)) await askForCancel(context, caller, row, head);
  const ended = context.runs.get(caller.tenantId, row.runId) ?? row;
  if (!isOver(ended)) throw undecided();
  if (ended.status !== "CANCELLED") throw overAlready(ended);
  return runDetail(ended, caller.tenantName);
}

async function askForCancel(
  context: Context,
  caller: TenantCaller,
  { runId }: RunRow,
  head: RequestHead,
): Promise<void> {
  const command: CancelRun = {
    type: "CancelRun",
    meta: commandMeta(context.deps, caller.tenantId),
    run_id: runId,
    reason: "Cancelled on request",
  };
  const waiting = context.runs.cancels.wait(command.meta.command_id, OUTCOME_MS);
  await send(context.deps.bus, command, head.trace);
  if ((await waiting) === undefined) throw undecided();
  await context.runs.waitForEnd(caller.tenantId, runId, END_MS);
}

/**
 * Starts a run that goes on from where one stood that FAILED or was CANCELLED: with its variables, without the steps
 * that it completed.
 * @throws ApiProblem 404 for no such run of this tenant; 409 for one that is open, COMPLETE, or of a template that was
 * changed since; and as submitRun.
 */
export async function retryRun(
  context: Context,
  caller: TenantCaller,
  runId: string,
  head: RequestHead,
): Promise<Triggered & { retry_of: string }> {
  const row = await latest(context, caller, await findRun(context, caller, runId));
  const { template } = row;
  if (row.status !== "FAILED" && row.status !== "CANCELLED") throw notToRetry(row);
  if (template === undefined) throw notToRetry(row);
  const body: JsonObject = JSON.parse(row.parameters);
  const command: SubmitRun = {
    type: "SubmitRun",
    meta: commandMeta(context.deps, caller.tenantId),
    run_id: context.deps.random.uuid(),
    provider: template.provider,
    domain: template.domain,
    template: template.name,
    parameters: row.parameters,
    trigger_by: row.triggerBy,
    trigger_type: "retry",
    tenant_version: knownVersion(context, caller),
    idempotency: idempotency(head.idempotencyKey, `retry|${row.runId}`, {}),
    resume: { of_run: row.runId, config_version: row.configVersion, done: doneSteps(row) },
  };
  return { ...(await askFor(context, caller, template, { command, body }, head)), retry_of: row.runId };
}

/** The run as the log has it by now: another gateway may have shown its end already. @throws ApiProblem 503 */
async function latest(context: Context, { tenantId }: TenantCaller, row: RunRow): Promise<RunRow> {
  if (isOver(row)) return row;
  if (!(await context.runs.follower.caughtUp(CATCH_UP_MS))) throw undecided();
  return context.runs.get(tenantId, row.runId) ?? row;
}

/** The steps that need not be done again: completed by this run, or by the one that it retried. */
function doneSteps({ steps }: RunRow): string[] {
  return steps
    .filter(({ status, doneBy }) => status === "COMPLETE" || doneBy !== undefined)
    .map(({ name }) => name);
}

function undecided(): ApiProblem {
  return unavailable(
    "no-outcome-yet",
    "Nothing has decided about this yet: repeat the request to hear of it.",
  );
}

function overAlready({ status }: RunRow): ApiProblem {
  return new ApiProblem(
    409,
    "run-is-over",
    `The run is ${status}: only a run that is open can be cancelled.`,
  );
}

function notToRetry({ status }: RunRow): ApiProblem {
  const detail = `The run is ${status}: only one that was accepted and is FAILED or CANCELLED can be retried.`;
  return new ApiProblem(409, "run-not-to-retry", detail);
}
