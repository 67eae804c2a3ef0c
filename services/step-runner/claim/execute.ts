import type { StepTask } from "@convergence/contracts";
import type { ResolvedStep } from "@convergence/pipeline";
import { sleep } from "@convergence/runtime/clock.ts";
import { WarehouseError } from "@convergence/warehouse/port.ts";
import type { StepRunnerDeps } from "../deps.ts";
import { executeStep, StepFailed, type StepResult } from "../steps/index.ts";

/** Between two attempts at an unreachable warehouse, in milliseconds: doubled each time, up to the last. */
const RETRY_MS = { first: 200, last: 10_000 };

export type StepOutcome =
  | { ok: true; result: StepResult }
  | { ok: false; message: string; retryable: boolean };

/**
 * Executes a task to its end. While the warehouse is away it is asked again, under the same job ids; a failure is
 * reported only once it is known that the effect did not happen.
 */
export async function execute(task: StepTask, deps: StepRunnerDeps): Promise<StepOutcome> {
  const { warehouse, clock, log } = deps;
  let pause = RETRY_MS.first;
  for (;;) {
    try {
      const step: ResolvedStep = JSON.parse(task.spec);
      return { ok: true, result: await executeStep(step, { task, warehouse, clock }) };
    } catch (error) {
      if (error instanceof StepFailed)
        return { ok: false, message: error.message, retryable: error.retryable };
      if (error instanceof WarehouseError && !error.transient && !error.unknown) {
        return { ok: false, message: `${error.reason}: ${error.message}`, retryable: false };
      }
      if (!(error instanceof WarehouseError)) {
        log.error(
          { run_id: task.step.run_id, step: task.step.step_id, error: String(error) },
          "a step broke",
        );
        return { ok: false, message: `internal error: ${String(error)}`, retryable: false };
      }
      log.warn({ run_id: task.step.run_id, reason: error.reason }, "the warehouse failed; the step goes on");
      await sleep(clock, pause);
      pause = Math.min(pause * 2, RETRY_MS.last);
    }
  }
}
