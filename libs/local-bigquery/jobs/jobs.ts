import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { Store } from "../catalog/store.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { BigQueryError, duplicate, invalid, notFound } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { fromDuck } from "./duck-errors.ts";
import { deserialise, type Job, jobKey, type Result, toStored } from "./job.ts";
import { LateRecords } from "./late-records.ts";
import { Results } from "./results.ts";

/** What a job gave: its statistics (REST's `statistics`), and rows where it is a query without destination. */
export interface Outcome {
  statistics: JsonObject;
  result: Result | undefined;
}

/** What a job does. It stores its record itself, by `record` or `recordLate`. */
export type Work = (running: Running) => Promise<Outcome>;

/** What a job's work is handed. */
export interface Running {
  job: Job;
  /**
   * Does work that `interrupt` stops: for no longer than that, since what it stops may be another job's afterwards.
   * Throws if the job has to stop, before the work or in it.
   */
  interruptible<T>(interrupt: () => void, work: () => Promise<T>): Promise<T>;
  /** Stores the job as done, in the transaction that makes its effect. */
  record(transaction: Transaction, statistics: JsonObject): Promise<void>;
  /** Stores the job as still running, in a transaction that makes a part of its effect. */
  recordRunning(transaction: Transaction): Promise<void>;
  /** For a job without effect: stores it as done, before it is answered or (where its id is the server's) after. */
  recordReading(statistics: JsonObject): Promise<void>;
}

/**
 * Where a job's id comes from: "client": it may be taken, which is an error; "request": made from a requestId, taken
 * where the request was sent before; "server": made just now.
 */
export type IdOrigin = "client" | "request" | "server";

export interface NewJob extends Pick<Job, "project" | "id" | "location" | "configuration"> {
  origin: IdOrigin;
}

interface Live {
  job: Job;
  origin: IdOrigin;
  done: Promise<void>;
  interrupt: (() => void) | undefined;
  /** Why the job has to stop, once it has. */
  stopped: string | undefined;
  /** Whether its record is stored, as still running. */
  stored: boolean;
  /** Whether it is noted as open. */
  noted: boolean;
  /** Set where the id turned out to be that of a job done before. */
  taken: boolean;
}

/** Milliseconds. */
const INTERRUPT_EVERY = 10;

const JOB_ID = /^[A-Za-z0-9_-]{1,1024}$/;

/** All jobs: those under way in memory, those done in the database. */
export class Jobs {
  readonly store: Store;
  readonly #clock: Clock;
  readonly #live = new Map<string, Live>();
  readonly #results = new Results();
  readonly #late: LateRecords;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.#clock = clock;
    this.#late = new LateRecords(store, clock);
  }

  /** Ends the jobs that were under way when the process died: their effect was not committed. */
  async recover(): Promise<void> {
    await this.store.write(async (transaction) => {
      const { session } = transaction;
      const noted = await session.rows("SELECT record FROM bq.open_jobs");
      const open = await session.rows("SELECT record FROM bq.jobs WHERE open");
      await transaction.addJobs(noted.map(([record]) => toStored(this.#cutOff(String(record)))));
      for (const [record] of open) await transaction.updateJob(toStored(this.#cutOff(String(record))));
      await session.run("DELETE FROM bq.open_jobs");
    });
  }

  #cutOff(record: string): Job {
    const message =
      "The job was cut off by a restart; it had no effect, or as a script only that of its finished statements. Retry with a new job id.";
    return { ...this.#done(deserialise(record), {}), error: { reason: "backendError", message } };
  }

  /** Starts a job. Rejects with duplicate where its id was used before. */
  async start(made: NewJob, timeoutMs: number | undefined, work: Work): Promise<Job> {
    const { origin, ...given } = made;
    if (!JOB_ID.test(made.id))
      throw invalid(`Invalid job ID "${made.id}": letters, digits, _ and -, at most 1024`);
    const key = jobKey(made.project, made.id);
    const used = (): BigQueryError => duplicate(`Job ${made.project}:${made.location}.${made.id}`);
    if (this.#live.has(key) || this.#results.get(key) || this.#late.get(key)) throw used();
    const now = this.#clock.now();
    const times = { created: now, started: now, ended: undefined };
    const job: Job = { ...given, ...times, state: "RUNNING", error: undefined, statistics: {} };
    const live: Live = {
      job,
      origin,
      done: Promise.resolve(),
      interrupt: undefined,
      stopped: undefined,
      stored: false,
      noted: false,
      taken: false,
    };
    this.#live.set(key, live);
    if (origin === "client" && (await this.store.findJob(key)) !== undefined) {
      this.#live.delete(key);
      throw used();
    }
    const late = (): void =>
      this.#stop(live, `Job execution was cancelled: Job timed out after ${timeoutMs} ms`);
    const timer = timeoutMs === undefined ? undefined : this.#clock.after(timeoutMs, late);
    live.done = this.#run(key, live, work, timer);
    return job;
  }

  async #run(key: string, live: Live, work: Work, timer: Timer | undefined): Promise<void> {
    const { job } = live;
    try {
      const outcome = await work(this.#running(live));
      if (outcome.result) this.#results.put(key, outcome.result);
      Object.assign(job, this.#done(job, outcome.statistics));
    } catch (error) {
      await this.#fail(key, live, fromDuck(error));
    } finally {
      timer?.clear();
      this.#live.delete(key);
      if (live.noted) this.#late.forget(key);
    }
  }

  #running(live: Live): Running {
    const { job } = live;
    return {
      job,
      interruptible: async (interrupt, work) => {
        if (live.stopped !== undefined) throw new BigQueryError("stopped", live.stopped);
        live.interrupt = interrupt;
        try {
          return await work();
        } finally {
          live.interrupt = undefined;
        }
      },
      record: (transaction, statistics) => record(live, transaction, this.#done(job, statistics)),
      recordRunning: async (transaction) => {
        if (!live.stored) await transaction.insertJob(toStored(job));
        transaction.afterCommit(() => {
          live.stored = true;
        });
      },
      recordReading: async (statistics) => {
        const done = this.#done(job, statistics);
        if (live.origin !== "client" && !live.stored) return this.#late.add(done);
        await this.store.write((transaction) => record(live, transaction, done));
      },
    };
  }

  #done(job: Job, statistics: JsonObject): Job {
    return { ...job, state: "DONE", ended: Math.max(this.#clock.now(), job.created), statistics };
  }

  async #fail(key: string, live: Live, error: Error): Promise<void> {
    const { job } = live;
    if (live.origin === "request" && !live.stored && (await this.store.findJob(key)) !== undefined) {
      live.taken = true;
      return;
    }
    const known = error instanceof BigQueryError ? error : new BigQueryError("internalError", error.message);
    const stopped = known.reason === "stopped" && live.stopped !== undefined;
    const entry = stopped ? { reason: "stopped", message: live.stopped ?? "" } : known.entry();
    const failed: Job = { ...this.#done(job, {}), error: entry };
    await this.store.write((transaction) => record(live, transaction, failed)).catch(() => undefined);
    Object.assign(job, failed);
  }

  /** The kept rows of a finished query, or undefined. */
  result(project: string, id: string): Result | undefined {
    return this.#results.get(jobKey(project, id));
  }

  async get(project: string, id: string): Promise<Job> {
    const key = jobKey(project, id);
    const known = this.#live.get(key)?.job ?? this.#late.get(key);
    if (known) return known;
    const stored = await this.store.findJob(key);
    if (stored === undefined) throw notFound(`Job ${project}:${id}`);
    return deserialise(stored);
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
    return live.taken ? this.get(project, id) : live.job;
  }

  /** Notes a job that is still running, before its start is acknowledged: a restart then knows of it. */
  async acknowledge(project: string, id: string): Promise<void> {
    const live = this.#live.get(jobKey(project, id));
    if (!live || live.noted) return;
    live.noted = true;
    await this.store.noteOpenJob(toStored(live.job));
  }

  /** Asks a job to stop. One that is done stays as it is. */
  async cancel(project: string, id: string): Promise<Job> {
    const live = this.#live.get(jobKey(project, id));
    if (live) this.#stop(live, "Job execution was cancelled: User requested cancellation");
    return this.get(project, id);
  }

  /** Has a job stop. DuckDB forgets an interrupt that comes between two statements: it is repeated to the job's end. */
  #stop(live: Live, why: string): void {
    live.stopped ??= why;
    const key = jobKey(live.job.project, live.job.id);
    const interrupt = (): void => {
      if (this.#live.get(key) !== live) return;
      live.interrupt?.();
      this.#clock.after(INTERRUPT_EVERY, interrupt);
    };
    interrupt();
  }

  /** Forgets a job that is done. */
  async delete(project: string, id: string): Promise<void> {
    const job = await this.get(project, id);
    if (job.state !== "DONE") throw invalid(`Job ${project}:${id} is running and cannot be deleted`);
    await this.settled();
    const key = jobKey(project, id);
    await this.store.write((transaction) => transaction.deleteJob(key));
    this.#results.remove(key);
  }

  /** The jobs that are under way, and those done that are not stored yet, newest first. */
  recent(project: string): Job[] {
    const jobs = [...this.#late.all(), ...[...this.#live.values()].map((live) => live.job)].reverse();
    return jobs.filter((job) => job.project === project).sort((a, b) => b.created - a.created);
  }

  /** Resolves when every finished job's record is stored. */
  settled(): Promise<void> {
    return this.#late.settled();
  }

  /** Stops every job and waits for them. */
  async close(): Promise<void> {
    const all = [...this.#live.values()];
    for (const live of all) this.#stop(live, "The server is shutting down");
    await Promise.allSettled(all.map((live) => live.done));
    await this.#late.close();
  }
}

/** Inserting fails where the id is taken, and with it the transaction: a repeated request has no second effect. */
function record(live: Live, transaction: Transaction, job: Job): Promise<void> {
  return live.stored ? transaction.updateJob(toStored(job)) : transaction.insertJob(toStored(job));
}
