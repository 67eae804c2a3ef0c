import type { CancelOpenRuns } from "@convergence/contracts";
import { endRun } from "./ending.ts";
import type { RunFact, TenantRuns } from "./state.ts";

/** Decides a CancelOpenRuns: its outcome, then the end of each open run, oldest first. */
export function decideCancelOpenRuns(state: TenantRuns, command: CancelOpenRuns, now: number): RunFact[] {
  const ended = [...state.runs.values()].flatMap((run) =>
    endRun(run, {
      now,
      steps: "CANCELLED",
      status: "CANCELLED",
      error: command.reason,
    }),
  );
  return [{ type: "OpenRunsCancelled", command_id: command.meta.command_id }, ...ended];
}
