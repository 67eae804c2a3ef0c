import type { Clock } from "@convergence/runtime/clock.ts";
import type { DropJob, JobError, JobInfo, LoadJob, MergeJob, QueryJob } from "../port.ts";
import type { Effect, Row } from "./tables.ts";

/** A job as it was submitted, and what became of it. */
export interface JobRecord extends JobInfo {
  submitted: { query: QueryJob } | { merge: MergeJob } | { drop: DropJob } | { load: LoadJob };
}

interface Job extends JobRecord {
  /** What a query without destination found. */
  result?: Row[];
  ended: { promise: Promise<void>; resolve: () => void };
}

/** Jobs by id: each runs once, for as long as it is told to on the clock, and has its effect at its end. */
export class Jobs {
  readonly #clock: Clock;
  readonly #jobs = new Map<string, Job>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param effect called at the job's end, unless it is cancelled before. */
  submit(
    jobId: string,
    submitted: JobRecord["submitted"],
    durationMs: number,
    effect: () => Effect,
  ): "started" | "exists" {
    if (this.#jobs.has(jobId)) return "exists";
    const job: Job = {
      jobId,
      state: "RUNNING",
      error: null,
      labels: { ...labelsOf(submitted) },
      rows: null,
      bytesProcessed: 0,
      submitted,
      ended: Promise.withResolvers<void>(),
    };
    this.#jobs.set(jobId, job);
    if (durationMs > 0) this.#clock.after(durationMs, () => end(job, effect));
    else end(job, effect);
    return "started";
  }

  info(jobId: string): JobInfo | null {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return null;
    const { submitted: _submitted, ended: _ended, result: _result, ...info } = job;
    return { ...info, labels: { ...info.labels } };
  }

  /** The rows of a query without destination that ended well. */
  rows(jobId: string): Row[] | undefined {
    return this.#jobs.get(jobId)?.result;
  }

  /** Resolves once the job is DONE or `ms` have passed. */
  async wait(jobId: string, ms: number): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (job === undefined || job.state === "DONE") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(ms, resolve);
    await Promise.race([job.ended.promise, promise]);
    timer.clear();
  }

  cancel(jobId: string): void {
    const job = this.#jobs.get(jobId);
    if (job) end(job, () => failed({ reason: "stopped", message: "Job execution was cancelled" }));
  }

  records(): JobRecord[] {
    return [...this.#jobs.values()].map(({ ended: _ended, result: _result, ...record }) => ({ ...record }));
  }
}

function labelsOf(submitted: JobRecord["submitted"]): Record<string, string> {
  const [{ labels }] = Object.values(submitted);
  return labels;
}

/** An effect that is none: the job fails. */
export function failed(error: JobError): Effect {
  return { error };
}

function end(job: Job, effect: () => Effect): void {
  if (job.state === "DONE") return;
  const done = effect();
  job.state = "DONE";
  if ("error" in done) job.error = done.error;
  else {
    job.rows = done.rows;
    if (done.result) job.result = done.result;
  }
  job.ended.resolve();
}
