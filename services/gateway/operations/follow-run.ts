import type { TenantCaller } from "../access.ts";
import type { Feed } from "../events/feed.ts";
import { invalidField } from "../problem.ts";
import { versionOf } from "../views/runs/changes.ts";
import { isOver } from "../views/runs/row.ts";
import type { Context } from "./context.ts";
import { CATCH_UP_MS, findRun } from "./read-runs.ts";

/**
 * A run's live progress, from behind the version that `lastEventId` names; null where the client has all, and no more
 * is to come.
 * @throws ApiProblem 404 like readRun; 422 for another Last-Event-ID than one of these streams; 429 over the bounds.
 */
export async function followRun(
  context: Context,
  caller: TenantCaller,
  runId: string,
  lastEventId: string | null,
): Promise<Feed | null> {
  const after = lastEventId === null ? -1 : readVersion(lastEventId);
  let row = await findRun(context, caller, runId);
  if (after > versionOf(row)) {
    // Another gateway told it: this one is behind.
    await context.runs.follower.caughtUp(CATCH_UP_MS);
    row = context.runs.get(caller.tenantId, row.runId) ?? row;
  }
  if (isOver(row) && after >= versionOf(row)) return null;
  return context.streams.open({ caller, runId: row.runId, after });
}

function readVersion(lastEventId: string): number {
  if (/^\d{1,9}$/.test(lastEventId)) return Number(lastEventId);
  throw invalidField("Last-Event-ID", "not an id of this stream: send the last one that you got, or none");
}
