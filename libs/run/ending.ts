import type { StepFinished, StepReported, StepStatus } from "@convergence/contracts";
import { dueSteps, isOver, type Run, type RunFact, type Step, stepAt, stepHead } from "./state.ts";

/** True for a step that failed and lets nothing new begin in its run. */
export function stopsRun({ status, planned }: Step): boolean {
  return status === "FAILED" && planned.on_failure === "stop";
}

/** The run's error message, where this step stopped it. */
export function failureOf({ planned, errorMessage }: Step): string {
  return `Step "${planned.step_id}" failed: ${errorMessage ?? "no reason given"}`;
}

/** What follows from a step's end: the steps that nobody will begin any more, and the run's terminal state. */
export function afterStep(run: Run, result: StepReported, version: number, now: number): RunFact[] {
  const status = result.ok ? "COMPLETE" : "FAILED";
  const ended: Step = { ...stepAt(run, result.index), status, errorMessage: result.error_message };
  const failure = run.failure ?? (stopsRun(ended) ? failureOf(ended) : null);
  const skipped = result.ok ? [] : leftBehind(run, result.index, stopsRun(ended));
  const gone = new Set([result.index, ...skipped]);
  const facts = skipped.map((index, n) => leftOut(run, index, { now, steps: "SKIPPED" }, version + n + 1));
  if (run.steps.some((step, index) => !gone.has(index) && !isOver(step.status))) return facts;
  const end = { status: failure === null ? "COMPLETE" : "FAILED", error: failure, now } as const;
  return [...facts, runFinished(run, end, version + facts.length + 1)];
}

/**
 * The steps that a failed one leaves behind. One that stops the run: all whose turn has not come. Else those that
 * depend on it, directly or not; steps in the order written just go on. What is under way elsewhere is let finish.
 */
function leftBehind(run: Run, failed: number, stops: boolean): number[] {
  const due = new Set(dueSteps(run));
  const waiting = run.steps.flatMap(({ status }, index) => (isOver(status) || due.has(index) ? [] : [index]));
  if (stops) return waiting;
  const lost = new Set([failed]);
  for (let before = 0; before < lost.size; ) {
    before = lost.size;
    for (const index of waiting) {
      if (stepAt(run, index).planned.depends_on?.some((other) => lost.has(other))) lost.add(index);
    }
  }
  return waiting.filter((index) => lost.has(index));
}

interface End {
  now: number;
  /** What becomes of the steps that are not over. */
  steps: Extract<StepStatus, "SKIPPED" | "CANCELLED">;
  status: "COMPLETE" | "FAILED" | "CANCELLED";
  error: string | null;
}

/** Ends a run: each step that is not over, then the run itself. */
export function endRun(run: Run, end: End): RunFact[] {
  const open = run.steps.flatMap(({ status }, index) => (isOver(status) ? [] : [index]));
  const facts = open.map((index, n) => leftOut(run, index, end, run.version + n + 1));
  return [...facts, runFinished(run, end, run.version + facts.length + 1)];
}

function runFinished(run: Run, { status, error, now }: Omit<End, "steps">, version: number): RunFact {
  const { head } = run;
  return {
    type: "RunFinished",
    run: head,
    run_version: version,
    status,
    error_message: error,
    finished_at: now,
  };
}

/** The steps of a new run that another run did before: they are SKIPPED, and what depends on them begins. */
export function doneBefore(run: Run, now: number): RunFact[] {
  const done = run.steps.flatMap(({ planned }, index) => (planned.done_by === null ? [] : [index]));
  return done.map((index, n) => {
    const metadata = JSON.stringify({ done_by: stepAt(run, index).planned.done_by });
    return { ...leftOut(run, index, { now, steps: "SKIPPED" }, run.version + n + 1), metadata };
  });
}

/** A step that ends without a result. One that never began starts and ends at the moment of this decision. */
function leftOut(
  run: Run,
  index: number,
  end: Pick<End, "now" | "steps">,
  version: number,
): Omit<StepFinished, "meta"> {
  const step = stepAt(run, index);
  return {
    type: "StepFinished",
    step: stepHead(run, index),
    run_version: version,
    status: end.steps,
    attempt: step.attempt,
    started_at: step.startedAt ?? end.now,
    finished_at: end.now,
    rows_processed: null,
    bytes_processed: null,
    error_message: null,
    metadata: null,
    runner: null,
    alert: false,
  };
}
