import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { Store } from "../catalog/store.ts";
import { BigQueryError, duplicate, invalid, notFound } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { QueryConfiguration } from "./configuration.ts";
import { fromDuck } from "./duck-errors.ts";
import { deserialise, type Job, jobKey, type Result, toStored } from "./job.ts";
import { Lowering, type Outcome, onlyReads, runEffect, runSelect, valuesOf } from "./query-job.ts";
import { Sizes } from "./sizes.ts";

/** What a job does: runs, commits its effect together with `record`, and gives its outcome. */
export type Work = (running: Running) => Promise<Outcome>;

/** What a job's work is handed. */
export interface Running {
  job: Job;
  /** Given a way to stop the statement under way, and undefined when there is none. */
  interruptible(interrupt: (() => void) | undefined): void;
  /** The job as it will be when its effect is committed: to be stored in the same transaction. */
  finished(statistics: JsonObject): Job;
}

export interface NewJob extends Pick<Job, "project" | "id" | "location" | "configuration"> {
  /** Set where the id was made just now, so that no job can have it. */
  unused?: boolean;
}

interface Live {
  job: Job;
  done: Promise<void>;
  interrupt: (() => void) | undefined;
  /** Why the job has to stop, once it has. */
  stopped: string | undefined;
}

/** Bytes of rows (as a count of cells) of finished queries that are kept in memory. */
const KEPT_CELLS = 4_000_000;

export const JOB_ID = /^[A-Za-z0-9_-]{1,1024}$/;

/** All jobs: those under way in memory, those done in the database. */
export class Jobs {
  readonly lowering = new Lowering();
  readonly sizes = new Sizes();
  readonly store: Store;
  readonly #clock: Clock;
  readonly #live = new Map<string, Live>();
  readonly #results = new Map<string, Result>();
  #cells = 0;
  #pending: Job[] = [];
  #flush: Promise<void> | undefined;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.#clock = clock;
  }

  /** Jobs that were under way when the process died: their effect was not committed. */
  async recover(): Promise<void> {
    await this.store.write(async (transaction) => {
      const open = await transaction.run("SELECT record FROM bq.jobs WHERE open");
      for (const [record] of await open.getRowsJS()) {
        const job = deserialise(String(record));
        job.state = "DONE";
        job.ended = this.#clock.now();
        job.error = {
          reason: "backendError",
          message: "The job was cut off by a restart; it had no effect. Retry with a new job id.",
        };
        await transaction.putJob(toStored(job));
      }
    });
  }

  /** Starts a job. Rejects with duplicate where its id was used before. */
  async start(base: NewJob, timeoutMs: number | undefined, work: Work): Promise<Job> {
    if (!JOB_ID.test(base.id))
      throw invalid(`Invalid job ID "${base.id}": letters, digits, _ and -, at most 1024`);
    const key = jobKey(base.project, base.id);
    const used = (): BigQueryError => duplicate(`Job ${base.project}:${base.location}.${base.id}`);
    if (this.#live.has(key)) throw used();
    const now = this.#clock.now();
    const { unused, ...given } = base;
    const job: Job = {
      ...given,
      state: "RUNNING",
      error: undefined,
      created: now,
      started: now,
      ended: undefined,
      statistics: {},
    };
    const live: Live = { job, done: Promise.resolve(), interrupt: undefined, stopped: undefined };
    this.#live.set(key, live);
    if (unused !== true && (await this.store.findJob(key)) !== undefined) {
      this.#live.delete(key);
      throw used();
    }
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#clock.after(timeoutMs, () => stop(live, `Job timed out after ${timeoutMs} ms`));
    live.done = this.#run(key, live, work, timer);
    return job;
  }

  async #run(key: string, live: Live, work: Work, timer: Timer | undefined): Promise<void> {
    const { job } = live;
    try {
      const outcome = await work({
        job,
        interruptible: (interrupt) => {
          live.interrupt = interrupt;
          if (interrupt && live.stopped !== undefined) throw new BigQueryError("stopped", live.stopped);
        },
        finished: (statistics) => this.#done(job, statistics),
      });
      if (outcome.result) this.#keep(key, outcome.result);
      Object.assign(job, this.#done(job, outcome.statistics));
    } catch (error) {
      await this.#fail(live, fromDuck(error));
    } finally {
      timer?.clear();
      live.interrupt = undefined;
      this.#live.delete(key);
    }
  }

  #done(job: Job, statistics: JsonObject): Job {
    return { ...job, state: "DONE", ended: Math.max(this.#clock.now(), job.created), statistics };
  }

  async #fail(live: Live, error: Error): Promise<void> {
    const { job } = live;
    const known = error instanceof BigQueryError ? error : new BigQueryError("internalError", error.message);
    const stopped = known.reason === "stopped" && live.stopped !== undefined;
    const entry = stopped ? { reason: "stopped", message: live.stopped ?? "" } : known.entry();
    const failed: Job = { ...this.#done(job, {}), error: entry };
    await this.store.write((transaction) => transaction.putJob(toStored(failed)));
    Object.assign(job, failed);
  }

  /** Writes the record of a job without effect; several at once share a transaction. */
  async record(job: Job): Promise<void> {
    this.#pending.push(job);
    this.#flush ??= this.store.write(async (transaction) => {
      const jobs = this.#pending;
      this.#pending = [];
      this.#flush = undefined;
      for (const each of jobs) await transaction.putJob(toStored(each));
    });
    await this.#flush;
  }

  #keep(key: string, result: Result): void {
    this.#results.set(key, result);
    this.#cells += cellsOf(result);
    for (const [oldest, old] of this.#results) {
      if (this.#cells <= KEPT_CELLS || oldest === key) break;
      this.#results.delete(oldest);
      this.#cells -= cellsOf(old);
    }
  }

  /** The kept rows of a finished query, or undefined. */
  result(project: string, id: string): Result | undefined {
    return this.#results.get(jobKey(project, id));
  }

  async get(project: string, id: string): Promise<Job> {
    const key = jobKey(project, id);
    const live = this.#live.get(key);
    if (live) return live.job;
    const record = await this.store.findJob(key);
    if (record === undefined) throw notFound(`Job ${project}:${id}`);
    return deserialise(record);
  }

  /** Waits until the job is done, at most `ms` milliseconds; then gives it as it is. */
  async wait(project: string, id: string, ms: number): Promise<Job> {
    const live = this.#live.get(jobKey(project, id));
    if (live === undefined) return this.get(project, id);
    let timer: Timer | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = this.#clock.after(ms, resolve);
    });
    await Promise.race([live.done, elapsed]);
    timer?.clear();
    return live.job;
  }

  /** Asks a job to stop. One that is done stays as it is. */
  async cancel(project: string, id: string): Promise<Job> {
    const live = this.#live.get(jobKey(project, id));
    if (live) stop(live, "Job execution was cancelled: User requested cancellation");
    return this.get(project, id);
  }

  /** Makes the record of a job that is still running last, before its start is acknowledged. */
  async acknowledge(job: Job): Promise<void> {
    if (job.state !== "DONE") await this.record(job);
  }

  running(project: string): Job[] {
    return [...this.#live.values()]
      .map((l) => l.job)
      .filter((j) => j.project === project && j.state !== "DONE");
  }

  /** Stops every job and waits for them. */
  async close(): Promise<void> {
    const all = [...this.#live.values()];
    for (const live of all) stop(live, "The server is shutting down");
    await Promise.allSettled(all.map((live) => live.done));
  }
}

function stop(live: Live, why: string): void {
  live.stopped ??= why;
  live.interrupt?.();
}

function cellsOf({ rows, fields }: Result): number {
  return rows.length * Math.max(1, fields.length);
}

/** The work of a query job. */
export function queryWork(jobs: Jobs, query: QueryConfiguration): Work {
  const { store, sizes, lowering } = jobs;
  return async (running) => {
    const { job } = running;
    const statement = lowering.lower(store.catalog, job.project, query);
    if (onlyReads(statement, query)) return readWork(jobs, query, running);
    return store.write(async (transaction) => {
      running.interruptible(() => store.interruptWriter());
      try {
        const fresh = lowering.lower(transaction.catalog, job.project, query);
        const effect = {
          transaction,
          store,
          sizes,
          project: job.project,
          location: job.location,
          query,
          now: job.created,
        };
        const outcome = await runEffect(effect, fresh);
        await transaction.putJob(toStored(running.finished(outcome.statistics)));
        return outcome;
      } finally {
        running.interruptible(undefined);
      }
    });
  };
}

/** Attempts of a read whose tables were replaced while it ran. */
const ATTEMPTS = 5;

async function readWork(jobs: Jobs, query: QueryConfiguration, running: Running): Promise<Outcome> {
  const { store, sizes, lowering } = jobs;
  const { job } = running;
  for (let attempt = 1; ; attempt++) {
    const { version } = store.catalog;
    try {
      const outcome = await store.read(
        async (connection) => {
          const statement = lowering.lower(store.catalog, job.project, query);
          if (statement.plan.kind !== "select") throw new Error("not a query");
          return runSelect(
            connection,
            sizes,
            statement,
            statement.plan,
            valuesOf(statement, query, job.created),
          );
        },
        (interrupt) => running.interruptible(interrupt),
      );
      running.interruptible(undefined);
      if (version !== store.catalog.version && attempt < ATTEMPTS) continue;
      await jobs.record(running.finished(outcome.statistics));
      return outcome;
    } catch (error) {
      running.interruptible(undefined);
      if (version === store.catalog.version || attempt >= ATTEMPTS) throw error;
    }
  }
}
