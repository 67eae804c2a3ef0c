import type { RunAccepted, RunHead, StepFinished, StepReissued, StepStarted } from "@convergence/contracts";
import { foldBackfills } from "./backfills.ts";
import { failureOf, stopsRun } from "./ending.ts";
import { countingMonth, isCounted, monthRuns } from "./quota.ts";
import { foldSchedules } from "./schedules.ts";
import {
  IDEMPOTENCY_WINDOW_MS,
  opened,
  type Run,
  type RunEvent,
  type RunFact,
  type Step,
  stepAt,
  type TenantRuns,
  usedKey,
} from "./state.ts";

/** Expired Idempotency-Keys are dropped at most so often, in milliseconds. */
const FORGET_EVERY_MS = 3_600_000;

/** Folds an event into a tenant's runs. Pure; never fails on a counted event. */
export function evolve(state: TenantRuns, event: RunEvent | RunFact): TenantRuns {
  const after = foldRuns(state, event);
  const schedules = foldSchedules(after.schedules, event);
  const backfills = foldBackfills(after.backfills, event);
  return schedules === after.schedules && backfills === after.backfills
    ? after
    : { ...after, schedules, backfills };
}

function foldRuns(state: TenantRuns, event: RunEvent | RunFact): TenantRuns {
  switch (event.type) {
    case "RunAccepted":
      return accept(state, event);
    case "BackfillAccepted":
      return withKey(state, event, event.backfill.backfill_id);
    case "BackfillCancelled":
    case "OrderRejected":
    case "ScheduleSet":
    case "ScheduleTold":
    case "ScheduleDeleted":
    case "SlotsPassed":
    case "RunRejected":
    case "RunRepeated":
    case "OpenRunsCancelled":
    case "RunCancelAccepted":
    case "RunCancelRejected":
      return state;
    case "RunReleased":
      return { ...state, waiting: state.waiting.delete(event.run_id) };
    case "StepStarted":
      return withRun(state, event.step.run_id, (run) => started(run, event));
    case "StepReissued":
      return withRun(state, event.step.run_id, (run) => reissued(run, event));
    case "StepFinished":
      return withRun(state, event.step.run_id, (run) => finished(run, event));
    case "RunFinished":
      return {
        ...state,
        runs: state.runs.delete(event.run.run_id),
        waiting: state.waiting.delete(event.run.run_id),
      };
  }
}

function accept(state: TenantRuns, event: Omit<RunAccepted, "meta">): TenantRuns {
  const run = opened(event.run, event.steps);
  const runs = state.runs.set(event.run.run_id, run);
  const waiting = event.waits ? state.waiting.add(event.run.run_id) : state.waiting;
  return withKey({ ...state, runs, waiting, ...counted(state, event.run) }, event, event.run.run_id);
}

/** Remembers the Idempotency-Key of a command that led to a run or a backfill, when it has one. */
function withKey(
  state: TenantRuns,
  { idempotency, requested_at }: Pick<RunAccepted, "idempotency" | "requested_at">,
  id: string,
): TenantRuns {
  if (idempotency === null) return state;
  const { key } = idempotency;
  // Deleted first: a key that is used again moves behind the others, which keeps them in order of use.
  const recentKeys = forget(state.recentKeys.delete(key), requested_at - IDEMPOTENCY_WINDOW_MS);
  return { ...state, recentKeys: recentKeys.set(key, usedKey(idempotency, id, requested_at)) };
}

function counted(
  state: TenantRuns,
  { trigger_type, accepted_at }: RunHead,
): Pick<TenantRuns, "month" | "monthRuns"> {
  if (!isCounted(trigger_type)) return { month: state.month, monthRuns: state.monthRuns };
  return { month: countingMonth(state, accepted_at), monthRuns: monthRuns(state, accepted_at) + 1 };
}

/** Drops the keys used before `horizon`: not one by one, since each dropping copies the keys that stay. */
function forget(keys: TenantRuns["recentKeys"], horizon: number): TenantRuns["recentKeys"] {
  const oldest = keys.first();
  if (oldest === undefined || oldest.at >= horizon - FORGET_EVERY_MS) return keys;
  return keys.filter((key) => key.at >= horizon);
}

function withRun(state: TenantRuns, runId: string, change: (run: Run) => Run): TenantRuns {
  const run = state.runs.get(runId);
  return run === undefined ? state : { ...state, runs: state.runs.set(runId, change(run)) };
}

function started(run: Run, event: Omit<StepStarted, "meta">): Run {
  const step: Step = {
    ...stepAt(run, event.step.index),
    status: "RUNNING",
    startedAt: event.started_at,
    attempt: event.attempt,
    try: event.try,
  };
  return { ...replaced(run, event.step.index, step, event.run_version), status: "RUNNING" };
}

function reissued(run: Run, event: Omit<StepReissued, "meta">): Run {
  const { attempt, try: tryNumber, not_before: notBefore } = event;
  const step: Step = {
    ...stepAt(run, event.step.index),
    status: "PENDING",
    attempt,
    try: tryNumber,
    notBefore,
  };
  return replaced(run, event.step.index, step, event.run_version);
}

function finished(run: Run, event: Omit<StepFinished, "meta">): Run {
  const step: Step = {
    ...stepAt(run, event.step.index),
    status: event.status,
    errorMessage: event.error_message,
  };
  const after = replaced(run, event.step.index, step, event.run_version);
  return stopsRun(step) ? { ...after, failure: run.failure ?? failureOf(step) } : after;
}

function replaced(run: Run, index: number, step: Step, version: number): Run {
  return { ...run, version, steps: run.steps.with(index, step) };
}
