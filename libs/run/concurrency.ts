import type { Concurrency } from "@convergence/contracts";
import type { Run, TenantRuns } from "./state.ts";

/** The open runs of a key that may be under way, oldest first: as many as the limit lets. */
export function underWay(state: TenantRuns, { key, limit }: Concurrency): Run[] {
  const found: Run[] = [];
  for (const run of state.runs.values()) {
    if (found.length >= limit) break;
    if (run.head.concurrency?.key === key) found.push(run);
  }
  return found;
}

/** True for a run that may not begin yet: it waits for a place of its tenant's, or others of its key are under way. */
export function isHeld(state: TenantRuns, run: Run): boolean {
  return state.waiting.has(run.head.run_id) || isHeldByKey(state, run);
}

/** True for a run that waits, since as many of its key as may be under way at once were accepted before it. */
export function isHeldByKey(state: TenantRuns, { head }: Run): boolean {
  if (head.concurrency === null) return false;
  return !underWay(state, head.concurrency).some((run) => run.head.run_id === head.run_id);
}
