import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import { Compaction } from "./compaction.ts";
import type { PartitionLog } from "./log.ts";
import type { Limits } from "./options.ts";
import { dropExpired } from "./retention.ts";
import type { Store } from "./store.ts";
import type { Topics } from "./topics.ts";

/** Time between two slices of work, so that appends and deliveries come first. */
const SLICE_EVERY_MS = 5;
/** Timers of the machine's clock cannot wait longer than 24 days. */
const LONGEST_WAIT_MS = 86_400_000;

/** Removes what a topic need not keep: in slices, yielding between them; returns when to come again, if ever. */
export type Cleaning = Generator<void, number | null, void>;

/** Compaction and retention: late, in small slices, and without a timer while nothing is due. */
export class Cleaner {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #topics: Topics;
  readonly #compactions = new Map<PartitionLog, Compaction>();
  /** When each partition is to be looked at. */
  readonly #due = new Map<PartitionLog, number>();
  #timer: Timer | undefined;
  #working = false;
  #closed = false;

  constructor(store: Store, clock: Clock, limits: Limits, topics: Topics) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = limits;
    this.#topics = topics;
    const soon = clock.now() + limits.cleanEveryMs;
    for (const { logs } of topics.all()) {
      for (const log of logs) if (log.end > log.low && this.#cleanable(log)) this.#due.set(log, soon);
    }
    this.#wait();
  }

  /** Takes note that records were stored in `log`. */
  stored(log: PartitionLog): void {
    if (this.#due.has(log) || !this.#cleanable(log)) return;
    const { retentionMs } = this.#topics.get(log.topic).spec;
    this.#due.set(log, this.#clock.now() + Math.max(this.#limits.cleanEveryMs, retentionMs ?? 0));
    if (!this.#timer && !this.#working) this.#wait();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.clear();
  }

  #cleanable(log: PartitionLog): boolean {
    const { cleanup, retentionMs } = this.#topics.get(log.topic).spec;
    return cleanup === "compact" || retentionMs !== null;
  }

  #wait(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#closed || this.#due.size === 0) return;
    const next = Math.min(...this.#due.values()) - this.#clock.now();
    const delay = Math.min(Math.max(next, this.#limits.cleanEveryMs), LONGEST_WAIT_MS);
    this.#timer = this.#clock.after(delay, () => {
      this.#timer = undefined;
      this.#work(this.#round());
    });
  }

  /** Advances `round` by one slice, and comes back for the next. */
  #work(round: Generator<void, void, void>): void {
    if (this.#closed) return;
    this.#working = !round.next().done;
    if (this.#working) this.#clock.after(SLICE_EVERY_MS, () => this.#work(round));
    else this.#wait();
  }

  *#round(): Generator<void, void, void> {
    const now = this.#clock.now();
    for (const [log, due] of [...this.#due]) {
      if (due > now) continue;
      this.#due.delete(log);
      let again: number | null = now + this.#limits.cleanEveryMs;
      try {
        again = yield* this.#clean(log);
      } catch {
        // The file refused a write. Appends meet the same fault and report it; cleaning tries again later.
      }
      if (again !== null) this.#due.set(log, again);
    }
  }

  #clean(log: PartitionLog): Cleaning {
    const { cleanup, retentionMs } = this.#topics.get(log.topic).spec;
    const now = this.#clock.now();
    if (cleanup === "delete") return dropExpired(this.#store, log, now, retentionMs);
    const compaction = this.#compactions.get(log) ?? new Compaction(this.#store, log, this.#limits);
    this.#compactions.set(log, compaction);
    return compaction.run(now);
  }
}
