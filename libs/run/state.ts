import type {
  BackfillState,
  Claimed,
  Idempotency,
  PlannedStep,
  RunEventsMessage,
  RunHead,
  RunStatus,
  ScheduleState,
  StepHead,
  StepStatus,
  Unstamped,
} from "@convergence/contracts";
import { OrderedMap, OrderedSet } from "immutable";

/** What happens in a tenant's runs. */
export type RunEvent = Exclude<RunEventsMessage, Claimed>;

/** An event as a decision states it, before the writer stamps it. */
export type RunFact = Unstamped<RunEvent>;

/** A tenant's open runs, recent Idempotency-Keys and what is to be run later: all that decisions need. Immutable. */
export interface TenantRuns {
  /** Open runs by id, in order of acceptance. A run leaves when it reaches its terminal state. */
  readonly runs: OrderedMap<string, Run>;
  /** Keys of the last 24 hours, oldest first. */
  readonly recentKeys: OrderedMap<string, UsedKey>;
  /** By name. */
  readonly schedules: OrderedMap<string, ScheduleState>;
  /** By id; one leaves when all its dates are over. */
  readonly backfills: OrderedMap<string, BackfillState>;
  /** Open runs, by id, that wait for one of the tenant's places, in order of acceptance. */
  readonly waiting: OrderedSet<string>;
  /** Start of the month (UTC) that the last run which counts was accepted in, Unix milliseconds. */
  readonly month: number;
  /** How many runs were accepted in it that count. */
  readonly monthRuns: number;
}

export interface UsedKey {
  readonly bodyHash: string;
  readonly runId: string;
  /** When its command was sent, Unix milliseconds. */
  readonly at: number;
}

/** An open run. */
export interface Run {
  readonly head: RunHead;
  /** Counts the run's events. */
  readonly version: number;
  readonly status: Extract<RunStatus, "PENDING" | "RUNNING">;
  readonly steps: readonly Step[];
  /** Why it will end as FAILED once its last steps are over; null while nothing has failed that stops it. */
  readonly failure: string | null;
}

export interface Step {
  readonly planned: PlannedStep;
  readonly status: StepStatus;
  /** How often it was handed out, from 1. Results of another attempt do not count. */
  readonly attempt: number;
  /** Names the warehouse job, from 1; grows only after a recorded failure. */
  readonly try: number;
  /** When it may be handed out, Unix milliseconds: a pause after a failure. */
  readonly notBefore: number;
  /** Start of the first attempt, Unix milliseconds. */
  readonly startedAt: number | null;
  readonly errorMessage: string | null;
}

/** How long an Idempotency-Key is remembered, measured between the times of the commands, in milliseconds. */
export const IDEMPOTENCY_WINDOW_MS = 24 * 3_600_000;

export const noRuns: TenantRuns = {
  runs: OrderedMap(),
  recentKeys: OrderedMap(),
  schedules: OrderedMap(),
  backfills: OrderedMap(),
  waiting: OrderedSet(),
  month: 0,
  monthRuns: 0,
};

/** A run as it is accepted. */
export function opened(head: RunHead, planned: readonly PlannedStep[]): Run {
  const steps = planned.map(
    (step): Step => ({
      planned: step,
      status: "PENDING",
      attempt: 1,
      try: 1,
      notBefore: 0,
      startedAt: null,
      errorMessage: null,
    }),
  );
  return { head, version: 1, status: "PENDING", steps, failure: null };
}

/** Which step of which run, as events and tasks name it. */
export function stepHead(run: Run, index: number): StepHead {
  const step = stepAt(run, index);
  return {
    run_id: run.head.run_id,
    tenant_name: run.head.tenant_name,
    index,
    step_id: step.planned.step_id,
    step_type: step.planned.step_type,
    run_accepted_at: run.head.accepted_at,
  };
}

/** @throws RangeError when the run has no such step. */
export function stepAt(run: Run, index: number): Step {
  const step = run.steps[index];
  if (step === undefined) throw new RangeError(`run ${run.head.run_id} has no step ${index}`);
  return step;
}

/** True once the step will not change any more. */
export function isOver(status: StepStatus): boolean {
  return status !== "PENDING" && status !== "RUNNING";
}

/**
 * The indexes of the steps whose turn has come. Where no step names others that it depends on, steps run in the order
 * written, one at a time; else each as soon as those it names are COMPLETE. A step that is RUNNING is among them,
 * since its task may have to be handed out again after a crash; one that pauses after a failure too (`notBefore`).
 */
export function dueSteps(run: Run): number[] {
  const due: number[] = [];
  let allBeforeAreOver = true;
  for (const [index, { status, planned }] of run.steps.entries()) {
    const ready =
      planned.depends_on === null
        ? allBeforeAreOver
        : planned.depends_on.every((other) => isFulfilled(run.steps[other]));
    if (isOver(status)) continue;
    allBeforeAreOver = false;
    if (ready) due.push(index);
  }
  return due;
}

/** True for a step that is COMPLETE, or that the run did not have to do again. */
function isFulfilled(step: Step | undefined): boolean {
  return step?.status === "COMPLETE" || (step?.planned.done_by ?? null) !== null;
}

/** The key under which an idempotent command is remembered, when it has one. */
export function usedKey(idempotency: Idempotency, runId: string, at: number): UsedKey {
  return { bodyHash: idempotency.body_hash, runId, at };
}
