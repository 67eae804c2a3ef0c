import type { Clock } from "@convergence/runtime/clock.ts";
import type { Store } from "../catalog/store.ts";
import { type Job, jobKey, toStored } from "./job.ts";

/** How long records wait for others, milliseconds. */
const PAUSE = 10;

/**
 * Records of queries that were answered before they were stored. Only for queries without effect whose id the server
 * chose: a crash may lose their record, as the service itself makes no job of a short query. Those that come while one
 * batch is written share the next.
 */
export class LateRecords {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Has what waits written at once. */
  #hurry: () => void = () => undefined;
  #waiting = new Map<string, Job>();
  #writing = new Map<string, Job>();
  #flush: Promise<void> | undefined;
  #forgetting: Promise<unknown> = Promise.resolve();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get(key: string): Job | undefined {
    return this.#waiting.get(key) ?? this.#writing.get(key);
  }

  /** Those that are not stored yet, oldest first. */
  all(): Job[] {
    return [...this.#writing.values(), ...this.#waiting.values()];
  }

  /** Takes the note of a job that was under way away, once the records so far are stored. */
  forget(key: string): void {
    // A note left behind is harmless: a restart finds the job's record and drops it.
    const forgotten = this.settled()
      .then(() => this.#store.forgetOpenJob(key))
      .catch(() => undefined);
    this.#forgetting = Promise.all([this.#forgetting, forgotten]);
  }

  add(job: Job): void {
    this.#waiting.set(jobKey(job.project, job.id), job);
    this.#flush ??= this.#write();
  }

  /** Resolves when every record so far is stored. */
  async settled(): Promise<void> {
    while (this.#flush) {
      this.#hurry();
      await this.#flush;
    }
  }

  /** Resolves when nothing is left to write. */
  async close(): Promise<void> {
    await this.settled();
    await this.#forgetting;
  }

  /** Waits for others to share the batch. */
  async #pause(): Promise<void> {
    const paused = new Promise<void>((resolve) => {
      this.#hurry = resolve;
    });
    const timer = this.#clock.after(PAUSE, this.#hurry);
    await paused;
    timer.clear();
  }

  async #write(): Promise<void> {
    await this.#pause();
    try {
      await this.#store.write(async (transaction) => {
        this.#writing = this.#waiting;
        this.#waiting = new Map();
        await transaction.addJobs([...this.#writing.values()].map(toStored));
      });
    } catch {
      // The file takes no writes (disk full): those who change something are told so; these records are given up.
    }
    this.#writing = new Map();
    this.#flush = this.#waiting.size > 0 ? this.#write() : undefined;
  }
}
