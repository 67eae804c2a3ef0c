import { type StepTask, type Trace, traceFields } from "@convergence/contracts";
import type { ResolvedStep } from "@convergence/pipeline";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Warehouse } from "@convergence/warehouse/port.ts";
import type { Secret } from "../credentials/secret.ts";

/** What a step did. */
export interface StepResult {
  /** Rows that this step wrote or checked. */
  rows: number | null;
  bytes: number | null;
  metadata: Record<string, string | number | boolean | null> | null;
}

export const NOTHING_DONE: StepResult = { rows: null, bytes: null, metadata: null };

/** What a step is executed with. */
export interface StepContext {
  task: StepTask;
  trace: Trace | null;
  warehouse: Warehouse;
  clock: Clock;
  /** Path of the folder with the tenants' inboxes; null: there is none. */
  inbox: string | null;
  /** The secret that the tenant has in force under a name: to be asked for just before it is used. @throws StepFailed */
  secretOf(name: string): Promise<Secret>;
  /** Aborts where the run ended before the step: a step that takes long gives up then. */
  stopped: AbortSignal;
}

/** The labels of a step's jobs: for whom they run, and to which request they belong. */
export function stepLabels({ tenant_id, step }: StepTask, trace: Trace | null): Record<string, string> {
  return { tenant: tenant_id, run: step.run_id, step: String(step.index), ...traceFields(trace) };
}

/** Executes one type of step. Executing an attempt again must do its effect once. @throws StepFailed */
export type StepType<T extends ResolvedStep["type"]> = (
  step: Extract<ResolvedStep, { type: T }>,
  context: StepContext,
) => Promise<StepResult>;

/** The step failed. `retryable` only where it is known to have had no effect and another try may succeed. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  readonly retryable: boolean;
  /** What the step did before it failed, where there is something to tell. */
  readonly result: StepResult | null;
  constructor(message: string, retryable = false, result: StepResult | null = null) {
    super(message);
    this.retryable = retryable;
    this.result = result;
  }
}
