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
  /** A client's cancel was accepted: it must end so. */
  toCancel: boolean;
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
  /** The run that did it already. */
  doneBy: string | null;
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
      case "RunCancelAccepted":
        this.#toCancel(event.run_id);
        break;
      case "RunCancelRejected":
        if (this.byId.get(event.run_id)?.finishedAt === null)
          this.#violation(`the cancel of run ${event.run_id} is rejected, though it is open`);
        break;
      case "RunRejected":
      case "RunReleased":
      case "RunRepeated":
      case "OpenRunsCancelled":
      case "ScheduleSet":
      case "ScheduleTold":
      case "ScheduleDeleted":
      case "SlotsPassed":
      case "BackfillAccepted":
      case "BackfillCancelled":
      case "OrderRejected":
        break;
    }
  }

  #toCancel(runId: string): void {
    const run = this.byId.get(runId);
    if (run?.finishedAt === null) run.toCancel = true;
    else this.#violation(`run ${runId} is cancelled, which is over or was never accepted`);
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
      toCancel: false,
      seenAt,
      steps: event.steps.map((step) => ({
        id: step.step_id,
        type: step.step_type,
        onFailure: step.on_failure,
        dependsOn: step.depends_on,
        doneBy: step.done_by,
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
      if (run.status === "PENDING") this.#begins(run);
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

  /** No more runs of a key are under way at once than its limit says. */
  #begins({ tenantId, head }: SeenRun): void {
    const { concurrency } = head;
    if (concurrency === null) return;
    const others = [...this.byId.values()].filter(
      (run) =>
        run.tenantId === tenantId &&
        run.status === "RUNNING" &&
        run.head.concurrency?.key === concurrency.key,
    );
    if (others.length >= concurrency.limit)
      this.#violation(`run ${head.run_id} begins beside ${others.length} of its concurrency key`);
  }

  #finish(event: Extract<RunEvent, { type: "RunFinished" }>): void {
    const run = this.#open(event.run.run_id, event.type, event.run_version);
    if (run === undefined) return;
    if (run.steps.some(({ status }) => !isOver(status))) {
      this.#violation(`run ${event.run.run_id} is ${event.status} with a step that is not over`);
    }
    run.steps.forEach((step, index) => {
      const [why] = (step.dependsOn ?? []).filter((on) => !isFulfilled(run.steps[on]));
      if (step.status === "COMPLETE" && why !== undefined)
        this.#violation(`step ${index} of run ${event.run.run_id} is COMPLETE, step ${why} before it is not`);
    });
    if (run.toCancel && event.status !== "CANCELLED")
      this.#violation(`run ${event.run.run_id} was to be cancelled and is ${event.status}`);
    for (const [index, { doneBy, status }] of run.steps.entries()) {
      if (doneBy !== null && status !== "SKIPPED")
        this.#violation(`step ${index} of run ${event.run.run_id} was done by ${doneBy} and is ${status}`);
    }
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

function isFulfilled(step: SeenStep | undefined): boolean {
  return step?.status === "COMPLETE" || (step?.doneBy ?? null) !== null;
}

function mustWait({ steps }: SeenRun, index: number): boolean {
  const dependsOn = steps[index]?.dependsOn;
  if (dependsOn) return dependsOn.some((on) => !isFulfilled(steps[on]));
  return steps.slice(0, index).some(({ status }) => !isOver(status));
}

export function isOver(status: StepStatus | RunStatus): boolean {
  return status !== "PENDING" && status !== "RUNNING";
}
