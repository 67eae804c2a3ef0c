import type { StepClaimed, StepReported } from "@convergence/contracts";
import { afterStep } from "./ending.ts";
import { nextTryAt } from "./retry.ts";
import { dueSteps, type Run, type RunFact, stepAt, stepHead, type TenantRuns } from "./state.ts";

/** Decides what a runner's claim of a step means: the first claim of the current attempt starts it. */
export function decideClaimed(state: TenantRuns, result: StepClaimed, now: number): RunFact[] {
  const run = runAt(state, result);
  if (run === undefined) return [];
  return isStarted(run, result) ? [] : [startedFact(run, result, now, run.version + 1)];
}

/** Decides what a runner's report of a step means: the first report of the current attempt ends the try. */
export function decideReported(state: TenantRuns, result: StepReported, now: number): RunFact[] {
  const run = runAt(state, result);
  if (run === undefined) return [];
  const facts: RunFact[] = [];
  let version = run.version;
  if (!isStarted(run, result)) {
    version += 1;
    facts.push(startedFact(run, result, now, version));
  }
  const step = stepAt(run, result.index);
  version += 1;
  const again = !result.ok && result.retryable ? nextTryAt(run, result.index, now) : null;
  if (again !== null) {
    const reason = result.error_message ?? "the step failed";
    facts.push({
      type: "StepReissued",
      step: stepHead(run, result.index),
      run_version: version,
      attempt: step.attempt + 1,
      try: step.try + 1,
      not_before: again,
      reason,
    });
    return facts;
  }
  facts.push(endedFact(run, result, version, now), ...afterStep(run, result, version, now));
  return facts;
}

/** Decides that a claim's time ran out: the step is handed out again, as the next attempt of the same try. */
export function decideLeaseExpired(
  state: TenantRuns,
  lease: { runId: string; index: number; attempt: number },
): RunFact[] {
  const run = runAt(state, { run_id: lease.runId, index: lease.index, attempt: lease.attempt });
  if (run === undefined) return [];
  return [
    {
      type: "StepReissued",
      step: stepHead(run, lease.index),
      run_version: run.version + 1,
      attempt: lease.attempt + 1,
      try: stepAt(run, lease.index).try,
      not_before: 0,
      reason: "the runner's lease ran out",
    },
  ];
}

type Attempt = Pick<StepClaimed, "run_id" | "index" | "attempt">;

/** The open run that a result speaks of, when it speaks of the current attempt of a step that is due. */
function runAt(state: TenantRuns, { run_id, index, attempt }: Attempt): Run | undefined {
  const run = state.runs.get(run_id);
  if (run === undefined || !dueSteps(run).includes(index)) return undefined;
  return stepAt(run, index).attempt === attempt ? run : undefined;
}

/** True where this very attempt is recorded as started. */
function isStarted(run: Run, { index }: Attempt): boolean {
  return stepAt(run, index).status === "RUNNING";
}

function startedFact(run: Run, result: Attempt & { runner: string }, now: number, version: number): RunFact {
  const step = stepAt(run, result.index);
  return {
    type: "StepStarted",
    step: stepHead(run, result.index),
    run_version: version,
    attempt: result.attempt,
    try: step.try,
    runner: result.runner,
    started_at: step.startedAt ?? now,
  };
}

function endedFact(run: Run, result: StepReported, version: number, now: number): RunFact {
  return {
    type: "StepFinished",
    step: stepHead(run, result.index),
    run_version: version,
    status: result.ok ? "COMPLETE" : "FAILED",
    attempt: result.attempt,
    started_at: stepAt(run, result.index).startedAt ?? now,
    finished_at: now,
    rows_processed: result.rows_processed,
    bytes_processed: result.bytes_processed,
    error_message: result.error_message,
    metadata: result.metadata,
    runner: result.runner,
    alert: !result.ok && stepAt(run, result.index).planned.on_failure === "alert",
  };
}
