import { type StepTask, type Trace, traceFields } from "@convergence/contracts";
import type { ResolvedStep } from "@convergence/pipeline";
import { sleep } from "@convergence/runtime/clock.ts";
import { WarehouseError } from "@convergence/warehouse/port.ts";
import type { Secrets } from "../credentials/credentials.ts";
import type { StepRunnerDeps } from "../deps.ts";
import { executeStep, StepFailed, type StepResult } from "../steps/index.ts";

/** Between two attempts at an unreachable warehouse, in milliseconds: doubled each time, up to the last. */
const RETRY_MS = { first: 200, last: 10_000 };

/** A task, and what its record belongs to. */
export interface Assignment {
  task: StepTask;
  trace: Trace | null;
}

/** A task as log lines tell it. */
export function aboutTask({ task: { tenant_id, step, attempt }, trace }: Assignment) {
  return { tenant_id, run_id: step.run_id, step: step.step_id, attempt, ...traceFields(trace) };
}

export type StepOutcome =
  | { ok: true; result: StepResult }
  | { ok: false; message: string; retryable: boolean; result: StepResult | null };

/**
 * Executes a task to its end. While the warehouse is away it is asked again, under the same job ids; a failure is
 * reported only once it is known that the effect did not happen. `stopped` aborts where the run ended meanwhile: nobody
 * needs the outcome any more.
 */
export async function execute(
  assigned: Assignment,
  deps: Pick<StepRunnerDeps, "warehouse" | "clock" | "inbox" | "log"> & { secrets: Secrets },
  stopped: AbortSignal,
): Promise<StepOutcome> {
  const { warehouse, clock, inbox, log, secrets } = deps;
  const secretOf = (name: string) => secrets.secretOf(assigned.task.tenant_id, name);
  let pause = RETRY_MS.first;
  for (;;) {
    if (stopped.aborted)
      return { ok: false, message: "the run ended before the step", retryable: false, result: null };
    try {
      const step: ResolvedStep = JSON.parse(assigned.task.spec);
      return {
        ok: true,
        result: await executeStep(step, { ...assigned, warehouse, clock, inbox, secretOf, stopped }),
      };
    } catch (error) {
      if (error instanceof StepFailed)
        return { ok: false, message: error.message, retryable: error.retryable, result: error.result };
      if (error instanceof WarehouseError && !error.transient && !error.unknown) {
        return { ok: false, message: `${error.reason}: ${error.message}`, retryable: false, result: null };
      }
      if (!(error instanceof WarehouseError)) {
        log.error({ ...aboutTask(assigned), error: String(error) }, "a step broke");
        return { ok: false, message: `internal error: ${String(error)}`, retryable: false, result: null };
      }
      log.warn({ ...aboutTask(assigned), reason: error.reason }, "the warehouse failed; the step goes on");
      await sleep(clock, pause);
      pause = Math.min(pause * 2, RETRY_MS.last);
    }
  }
}
