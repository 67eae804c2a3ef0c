import type { Offset } from "../port.ts";
import type { Cleaning } from "./cleaner.ts";
import type { PartitionLog } from "./log.ts";
import type { Limits } from "./options.ts";
import type { RecordHead, Store } from "./store.ts";

const SLICE_RECORDS = 500;

/**
 * Compaction of one partition, as Kafka's cleaner does it: a map of the last offset of each key in the part that
 * was not cleaned yet, then one pass over all up to there. It waits until the uncleaned part is as large as what
 * the last pass left, so that its cost stays in proportion to what is appended.
 */
export class Compaction {
  readonly #store: Store;
  readonly #log: PartitionLog;
  readonly #limits: Limits;
  #cleanedTo: Offset;
  /** How many records the last pass left. */
  #kept = 0;
  #nextTombstone: number | null = null;

  constructor(store: Store, log: PartitionLog, limits: Limits) {
    this.#store = store;
    this.#log = log;
    this.#limits = limits;
    this.#cleanedTo = log.low;
  }

  /** Cleans if it is worth it; returns when to look again: null if only new records change anything. */
  *run(now: number): Cleaning {
    const tombstoneDue = this.#nextTombstone !== null && this.#nextTombstone <= now;
    if (this.#log.end - this.#cleanedTo < Math.max(1, this.#kept) && !tombstoneDue)
      return this.#nextTombstone;
    const horizon = now - this.#limits.compactionLagMs;
    const last = new Map<string, Offset>();
    const end = yield* this.#lastOffsets(last, horizon);
    yield* this.#sweep(last, end, now);
    // What was too young for this pass is looked at again.
    return end < this.#log.end ? now + this.#limits.cleanEveryMs : this.#nextTombstone;
  }

  /** Fills `last` with the uncleaned keys that are old enough; returns the offset behind them. */
  *#lastOffsets(last: Map<string, Offset>, horizon: number): Generator<void, Offset, void> {
    let at = this.#cleanedTo;
    for (;;) {
      const heads = this.#store.heads(this.#log.place, at, this.#log.end, SLICE_RECORDS);
      for (const { offset, key, time } of heads) {
        if (time > horizon) return at;
        last.set(key, offset);
        at = offset + 1;
      }
      if (heads.length < SLICE_RECORDS) return this.#log.end;
      yield;
    }
  }

  *#sweep(last: ReadonlyMap<string, Offset>, end: Offset, now: number): Generator<void, void, void> {
    let at = this.#log.low;
    let kept = 0;
    let nextTombstone = Number.POSITIVE_INFINITY;
    for (;;) {
      const heads = this.#store.heads(this.#log.place, at, end, SLICE_RECORDS);
      const removed: Offset[] = [];
      for (const head of heads) {
        at = head.offset + 1;
        const goes = this.#goesAt(head, last);
        if (goes <= now) removed.push(head.offset);
        else {
          kept++;
          nextTombstone = Math.min(nextTombstone, goes);
        }
      }
      if (removed.length > 0) this.#store.remove(this.#log.place, removed, this.#log.low, this.#log.end);
      if (heads.length < SLICE_RECORDS) break;
      yield;
    }
    this.#cleanedTo = end;
    this.#kept = kept;
    this.#nextTombstone = Number.isFinite(nextTombstone) ? nextTombstone : null;
  }

  /** When a record may go: at once if a later one of its key stands; a tombstone after its time; else never. */
  #goesAt({ offset, key, time, tombstone }: RecordHead, last: ReadonlyMap<string, Offset>): number {
    if ((last.get(key) ?? offset) > offset) return Number.NEGATIVE_INFINITY;
    return tombstone ? time + this.#limits.tombstoneMs : Number.POSITIVE_INFINITY;
  }
}
