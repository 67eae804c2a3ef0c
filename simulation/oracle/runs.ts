import type { RunHead, RunStatus, StepStatus } from "@convergence/contracts";
import type { RunEvent } from "@convergence/run";

/** Of a step whose template says nothing of it. */
const USUAL_TRIES = 3;

/** A run as the counted log tells it. */
export interface SeenRun {
  tenantId: string;
  head: RunHead;
  version: number;
  status: RunStatus;
  error: string | null;
  finishedAt: number | null;
  worker: string | null;
  steps: SeenStep[];
  /** The oracle's time of its acceptance, Unix milliseconds. */
  seenAt: number;
}

export interface SeenStep {
  id: string;
  type: string;
  onFailure: string;
  /** The indexes of the steps that must be COMPLETE before; null: all before it must be over. */
  dependsOn: readonly number[] | null;
  /** Tries in all. */
  mostTries: number;
  /** When it may be handed out again, Unix milliseconds. */
  notBefore: number;
  /** JSON of the resolved step. */
  spec: string;
  status: StepStatus;
  attempt: number;
  startedAt: number | null;
  finishedAt: number | null;
  rows: number | null;
  error: string | null;
  version: number;
}

/** Runs as the counted log tells them, folded apart from libs/run, with the rules that every log must keep. */
export class SeenRuns {
  readonly byId = new Map<string, SeenRun>();
  readonly #violation: (what: string) => void;

  constructor(violation: (what: string) => void) {
    this.#violation = violation;
  }

  fold(event: RunEvent, seenAt: number): void {
    switch (event.type) {
      case "RunAccepted":
        this.#accept(event, seenAt);
        break;
      case "StepStarted":
      case "StepReissued":
      case "StepFinished":
        this.#step(event);
        break;
      case "RunFinished":
        this.#finish(event);
        break;
      case "RunRejected":
      case "RunRepeated":
      case "OpenRunsCancelled":
        break;
    }
  }

  #accept(event: Extract<RunEvent, { type: "RunAccepted" }>, seenAt: number): void {
    const { run } = event;
    if (this.byId.has(run.run_id)) {
      this.#violation(`run ${run.run_id} is accepted twice`);
      return;
    }
    this.byId.set(run.run_id, {
      tenantId: event.meta.tenant_id,
      head: run,
      version: 1,
      status: "PENDING",
      error: null,
      finishedAt: null,
      worker: null,
      seenAt,
      steps: event.steps.map((step) => ({
        id: step.step_id,
        type: step.step_type,
        onFailure: step.on_failure,
        dependsOn: step.depends_on,
        mostTries: step.retry?.attempts ?? USUAL_TRIES,
        notBefore: 0,
        spec: step.spec,
        status: "PENDING",
        attempt: 1,
        startedAt: null,
        finishedAt: null,
        rows: null,
        error: null,
        version: 0,
      })),
    });
  }

  #step(event: Extract<RunEvent, { type: "StepStarted" | "StepReissued" | "StepFinished" }>): void {
    const run = this.#open(event.step.run_id, event.type, event.run_version);
    const step = run?.steps[event.step.index];
    if (run === undefined || step === undefined) return;
    const at = `step ${event.step.index} of run ${event.step.run_id}`;
    if (isOver(step.status)) this.#violation(`${at} is over (${step.status}) and then ${event.type}`);
    const waits = mustWait(run, event.step.index);
    if (waits && event.type !== "StepFinished")
      this.#violation(`${at}: ${event.type} before its predecessors`);
    if (event.attempt < step.attempt) this.#violation(`${at} goes back to attempt ${event.attempt}`);
    step.attempt = event.attempt;
    step.version = event.run_version;
    if (event.type === "StepStarted") {
      if (event.meta.at < step.notBefore) this.#violation(`${at} begins before its pause is over`);
      step.status = "RUNNING";
      step.startedAt = event.started_at;
      run.status = "RUNNING";
      run.worker = event.runner;
    } else if (event.type === "StepReissued") {
      step.status = "PENDING";
      step.notBefore = event.not_before;
      if (event.try > step.mostTries) this.#violation(`${at} is tried ${event.try} times`);
    } else {
      if (waits && event.status !== "SKIPPED" && event.status !== "CANCELLED") {
        this.#violation(`${at} is ${event.status} before its predecessors are over`);
      }
      step.status = event.status;
      step.startedAt = event.started_at;
      step.finishedAt = event.finished_at;
      step.rows = event.rows_processed;
      step.error = event.error_message;
    }
  }

  #finish(event: Extract<RunEvent, { type: "RunFinished" }>): void {
    const run = this.#open(event.run.run_id, event.type, event.run_version);
    if (run === undefined) return;
    if (run.steps.some(({ status }) => !isOver(status))) {
      this.#violation(`run ${event.run.run_id} is ${event.status} with a step that is not over`);
    }
    run.steps.forEach((step, index) => {
      const [why] = (step.dependsOn ?? []).filter((on) => run.steps[on]?.status !== "COMPLETE");
      if (step.status === "COMPLETE" && why !== undefined)
        this.#violation(`step ${index} of run ${event.run.run_id} is COMPLETE, step ${why} before it is not`);
    });
    const stopped = run.steps.some(({ status, onFailure }) => status === "FAILED" && onFailure === "stop");
    if (event.status !== "CANCELLED" && stopped !== (event.status === "FAILED")) {
      this.#violation(
        `run ${event.run.run_id} is ${event.status}; its steps: ${run.steps.map((s) => s.status)}`,
      );
    }
    run.status = event.status;
    run.error = event.error_message;
    run.finishedAt = event.finished_at;
  }

  /** The run, where an event may still happen to it. */
  #open(runId: string, what: string, version: number): SeenRun | undefined {
    const run = this.byId.get(runId);
    if (run === undefined) {
      this.#violation(`${what} of run ${runId}, which was never accepted`);
      return undefined;
    }
    if (run.finishedAt !== null) this.#violation(`${what} of run ${runId} after its end (${run.status})`);
    if (version !== run.version + 1) {
      this.#violation(`${what} of run ${runId} has run version ${version} after ${run.version}`);
    }
    run.version = version;
    return run;
  }
}

function mustWait({ steps }: SeenRun, index: number): boolean {
  const dependsOn = steps[index]?.dependsOn;
  if (dependsOn) return dependsOn.some((on) => steps[on]?.status !== "COMPLETE");
  return steps.slice(0, index).some(({ status }) => !isOver(status));
}

export function isOver(status: StepStatus | RunStatus): boolean {
  return status !== "PENDING" && status !== "RUNNING";
}
