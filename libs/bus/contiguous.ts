import type { Offset } from "./port.ts";

const TRIM_AT = 1_024;

/**
 * Tracks what was handed over from one partition and may be done in any order, so that only a contiguous
 * stretch is ever committed. Gaps between taken offsets (compaction, markers) count as done.
 */
export class ContiguousTracker {
  #order: Offset[] = [];
  #head = 0;
  #behindLast: Offset;
  readonly #undone = new Set<Offset>();
  /** Notes of what is done out of order. */
  readonly #notes = new Map<Offset, string>();
  #note: string | null;

  /** `start` is the first offset that may come; `note` is what was committed with it. */
  constructor(start: Offset, note: string | null = null) {
    this.#behindLast = start;
    this.#note = note;
  }

  /** Notes that `offset` was handed over. Offsets come in ascending order. */
  take(offset: Offset): void {
    this.#order.push(offset);
    this.#undone.add(offset);
    this.#behindLast = offset + 1;
  }

  /** Notes that `offset` is done; false if it was not outstanding. */
  done(offset: Offset, note?: string): boolean {
    if (!this.#undone.delete(offset)) return false;
    if (note !== undefined) this.#notes.set(offset, note);
    for (let at = this.#order[this.#head]; at !== undefined && !this.#undone.has(at); ) {
      this.#passed(at);
      at = this.#order[++this.#head];
    }
    if (this.#head >= TRIM_AT && this.#head * 2 >= this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }

  /** The offset to commit: all before it is done. */
  get next(): Offset {
    return this.#order[this.#head] ?? this.#behindLast;
  }

  /** The note to commit with `next`: the last one before it. */
  get note(): string | null {
    return this.#note;
  }

  /** How many were handed over and are not done. */
  get pending(): number {
    return this.#undone.size;
  }

  #passed(offset: Offset): void {
    const note = this.#notes.get(offset);
    if (note === undefined) return;
    this.#note = note;
    this.#notes.delete(offset);
  }
}
