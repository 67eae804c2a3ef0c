/** How many records one reader hands over before others, and the event loop, have their turn. */
const TURN_RECORDS = 500;

/** A place in a partition from which records are handed over. */
interface Drainable {
  readonly closed: boolean;
  /** Handles at most `limit` records; returns how many. Less than `limit`: nothing more to do for now. */
  drain(limit: number): number;
}

/** A reader's cursors that may have something to hand over, in the order of their turns. */
export class ReadyCursors<C extends Drainable> {
  #ready = new Set<C>();

  add(cursor: C): void {
    this.#ready.add(cursor);
  }

  delete(cursor: C): void {
    this.#ready.delete(cursor);
  }

  /** The next in turn. */
  get first(): C | undefined {
    const [first] = this.#ready;
    return first;
  }

  /** Hands over a turn's records. What handlers add meanwhile, and what there was no room for, waits for the next one. */
  turn(): void {
    const cursors = this.#ready;
    this.#ready = new Set();
    let budget = TURN_RECORDS;
    let unfinished: C | undefined;
    for (const cursor of cursors) {
      if (cursor.closed) continue;
      if (budget <= 0) {
        this.#ready.add(cursor);
        continue;
      }
      budget -= cursor.drain(budget);
      if (budget <= 0) unfinished = cursor;
    }
    // It may have more to hand over, but comes behind those that waited.
    if (unfinished && !unfinished.closed) this.#ready.add(unfinished);
  }
}
