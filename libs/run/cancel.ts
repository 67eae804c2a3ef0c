import type { CancelOpenRuns, CancelRun } from "@convergence/contracts";
import { endRun } from "./ending.ts";
import type { Run, RunFact, TenantRuns } from "./state.ts";

/** Decides a CancelRun: its outcome, then the end of the run. */
export function decideCancelRun(state: TenantRuns, command: CancelRun, now: number): RunFact[] {
  const { run_id, meta, reason } = command;
  const outcome = { command_id: meta.command_id, run_id };
  const run = state.runs.get(run_id);
  if (run === undefined) return [{ type: "RunCancelRejected", ...outcome }];
  return [{ type: "RunCancelAccepted", ...outcome }, ...cancelled(run, reason, now)];
}

/** Decides a CancelOpenRuns: its outcome, then the end of each open run, oldest first. */
export function decideCancelOpenRuns(state: TenantRuns, command: CancelOpenRuns, now: number): RunFact[] {
  const ended = [...state.runs.values()].flatMap((run) => cancelled(run, command.reason, now));
  return [{ type: "OpenRunsCancelled", command_id: command.meta.command_id }, ...ended];
}

function cancelled(run: Run, error: string, now: number): RunFact[] {
  return endRun(run, { now, steps: "CANCELLED", status: "CANCELLED", error });
}
