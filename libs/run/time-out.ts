import { endRun } from "./ending.ts";
import type { Run, RunFact, TenantRuns } from "./state.ts";

/** When the run must be over, Unix milliseconds; null without a limit, and before its first step has begun. */
export function deadlineOf({ head, steps }: Run): number | null {
  if (head.timeout_ms === null) return null;
  const starts = steps.flatMap(({ startedAt }) => startedAt ?? []);
  return starts.length === 0 ? null : Math.min(...starts) + head.timeout_ms;
}

/** Decides that a run's time may be over: ends it as FAILED, and what it had not done as CANCELLED. */
export function decideTimeOut(state: TenantRuns, runId: string, now: number): RunFact[] {
  const run = state.runs.get(runId);
  const deadline = run === undefined ? null : deadlineOf(run);
  if (run === undefined || deadline === null || deadline > now) return [];
  const error = `The run took longer than its timeout_minutes, ${Number(run.head.timeout_ms) / 60_000}`;
  return endRun(run, { now, steps: "CANCELLED", status: "FAILED", error });
}
