import type { TenantCaller } from "../access.ts";
import { invalidField, runNotFound } from "../problem.ts";
import { isOver, type RunRow } from "../views/runs/row.ts";
import type { RunFilter, RunPlace } from "../views/runs/store.ts";
import type { Context } from "./context.ts";
import {
  type RunDetail,
  type RunStep,
  type RunSummary,
  runDetail,
  runSteps,
  runSummary,
} from "./run-shapes.ts";

const RUN_ID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
/** How long an unknown id may keep the view catching up, in milliseconds. */
export const CATCH_UP_MS = 1_000;

/**
 * A run, at once or when it is over.
 * @param waitMs for how long to wait for its end, in milliseconds; 0: not at all.
 * @throws ApiProblem 404 for an id that this tenant has no run of, whether another tenant has or none.
 */
export async function readRun(
  context: Context,
  caller: TenantCaller,
  runId: string,
  waitMs: number,
): Promise<RunDetail> {
  let row = await findRun(context, caller, runId);
  if (waitMs > 0 && !isOver(row)) {
    await context.runs.waitForEnd(caller.tenantId, row.runId, waitMs);
    row = context.runs.get(caller.tenantId, row.runId) ?? row;
  }
  return runDetail(row, caller.tenantName);
}

/** A run's steps, in the order written. @throws ApiProblem 404 like readRun. */
export async function readSteps(
  context: Context,
  caller: TenantCaller,
  runId: string,
): Promise<{ pipeline_logging_id: string; steps: RunStep[] }> {
  const row = await findRun(context, caller, runId);
  return { pipeline_logging_id: row.runId, steps: runSteps(row) };
}

/**
 * A tenant's runs, newest first.
 * @throws ApiProblem 422 for a cursor that this gateway did not make.
 */
export async function listRuns(
  context: Context,
  caller: TenantCaller,
  filter: RunFilter,
  page: { limit: number; cursor: string | null },
): Promise<{ runs: RunSummary[]; next_cursor: string | null }> {
  const after = page.cursor === null ? null : readCursor(page.cursor);
  const rows = await context.runs.list(caller.tenantId, filter, page.limit + 1, after);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    runs: shown.map((row) => runSummary(row, caller.tenantName)),
    next_cursor: rows.length > page.limit && last !== undefined ? cursorOf(last) : null,
  };
}

/**
 * A tenant's run. Foreign and unknown ids take one path: the lookup is by (tenant, id).
 * @throws ApiProblem 404 like readRun; 403 where the key may not read
 */
export async function findRun(context: Context, caller: TenantCaller, runId: string): Promise<RunRow> {
  const id = runId.toLowerCase();
  if (!RUN_ID.test(id)) throw runNotFound();
  const known = context.runs.get(caller.tenantId, id);
  if (known !== undefined) return known;
  await context.runs.follower.caughtUp(CATCH_UP_MS);
  const found = context.runs.get(caller.tenantId, id);
  if (found === undefined) throw runNotFound();
  return found;
}

function cursorOf({ startTime, runId }: RunPlace): string {
  return Buffer.from(`${startTime} ${runId}`).toString("base64url");
}

function readCursor(cursor: string): RunPlace {
  const match = /^(\d{1,15}) (\S+)$/.exec(Buffer.from(cursor, "base64url").toString());
  const [, startTime, runId] = match ?? [];
  if (startTime === undefined || runId === undefined || !RUN_ID.test(runId)) {
    throw invalidField("cursor", "not a cursor of this list: send next_cursor as it was given, or none");
  }
  return { startTime: Number(startTime), runId };
}
