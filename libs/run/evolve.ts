import type { RunAccepted, StepFinished, StepReissued, StepStarted } from "@convergence/contracts";
import {
  IDEMPOTENCY_WINDOW_MS,
  type Run,
  type RunEvent,
  type RunFact,
  type Step,
  stepAt,
  type TenantRuns,
  usedKey,
} from "./state.ts";

/** Folds an event into a tenant's runs. Pure; never fails on a counted event. */
export function evolve(state: TenantRuns, event: RunEvent | RunFact): TenantRuns {
  switch (event.type) {
    case "RunAccepted":
      return accept(state, event);
    case "RunRejected":
    case "RunRepeated":
    case "OpenRunsCancelled":
      return state;
    case "StepStarted":
      return withRun(state, event.step.run_id, (run) => started(run, event));
    case "StepReissued":
      return withRun(state, event.step.run_id, (run) => reissued(run, event));
    case "StepFinished":
      return withRun(state, event.step.run_id, (run) => finished(run, event));
    case "RunFinished":
      return { ...state, runs: state.runs.delete(event.run.run_id) };
  }
}

function accept(state: TenantRuns, event: Omit<RunAccepted, "meta">): TenantRuns {
  const steps = event.steps.map(
    (planned): Step => ({
      planned,
      status: "PENDING",
      attempt: 1,
      try: 1,
      startedAt: null,
      errorMessage: null,
    }),
  );
  const run: Run = { head: event.run, version: 1, status: "PENDING", steps };
  const runs = state.runs.set(event.run.run_id, run);
  if (event.idempotency === null) return { ...state, runs };
  const remembered = forget(state.recentKeys, event.requested_at - IDEMPOTENCY_WINDOW_MS);
  const key = usedKey(event.idempotency, event.run.run_id, event.requested_at);
  return { runs, recentKeys: remembered.set(event.idempotency.key, key) };
}

/** Drops the keys used before `horizon` from the front: they are in order of acceptance, oldest first. */
function forget(keys: TenantRuns["recentKeys"], horizon: number): TenantRuns["recentKeys"] {
  const kept = keys.skipWhile((key) => key.at < horizon);
  return kept.size === keys.size ? keys : kept;
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
  const { attempt, try: tryNumber } = event;
  const step: Step = { ...stepAt(run, event.step.index), status: "PENDING", attempt, try: tryNumber };
  return replaced(run, event.step.index, step, event.run_version);
}

function finished(run: Run, event: Omit<StepFinished, "meta">): Run {
  const step: Step = {
    ...stepAt(run, event.step.index),
    status: event.status,
    errorMessage: event.error_message,
  };
  return replaced(run, event.step.index, step, event.run_version);
}

function replaced(run: Run, index: number, step: Step, version: number): Run {
  return { ...run, version, steps: run.steps.with(index, step) };
}
