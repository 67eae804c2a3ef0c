import type { CancelOpenRuns } from "@convergence/contracts";
import { endRun } from "./progress.ts";
import type { RunFact, TenantRuns } from "./state.ts";

/** Decides a CancelOpenRuns: its outcome, then the end of each open run, oldest first. */
export function decideCancelOpenRuns(state: TenantRuns, command: CancelOpenRuns, now: number): RunFact[] {
  const runs = [...state.runs.values()];
  const ended = runs.flatMap((run) =>
    endRun(run, {
      except: null,
      version: run.version,
      now,
      steps: "CANCELLED",
      status: "CANCELLED",
      error: command.reason,
    }),
  );
  const outcome: RunFact = {
    type: "OpenRunsCancelled",
    command_id: command.meta.command_id,
    run_ids: runs.map((run) => run.head.run_id),
  };
  return [outcome, ...ended];
}
