import type { Clock, Timer } from "@convergence/runtime/clock.ts";

interface Event {
  at: number;
  order: number;
  run: () => void;
  cleared: boolean;
}

/** Thrown when a seed keeps the world busy without end: a loop that waits for nothing. */
export class EndlessWorld extends Error {
  override readonly name = "EndlessWorld";
}

/** So many events at one moment are a loop. */
const MOST_AT_ONCE = 50_000;

/**
 * Virtual time: a queue of events in order of time, then of insertion. Between two events all microtasks run. What
 * runs in this world must wait on nothing else: no real timer, no real I/O.
 */
export class World implements Clock {
  /** Unix milliseconds. */
  #now: number;
  #order = 0;
  #atOnce = 0;
  readonly #heap: Event[] = [];
  /** How many events ran. */
  events = 0;

  constructor(start: number) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Timer {
    const event = { at: this.#now + Math.max(0, ms), order: this.#order++, run, cleared: false };
    this.#push(event);
    return {
      clear: () => {
        event.cleared = true;
      },
    };
  }

  /** Runs a function after all that is under way at this moment: the bus's turn of the event loop. */
  readonly defer = (run: () => void): void => {
    this.#push({ at: this.#now, order: this.#order++, run, cleared: false });
  };

  /** Runs events until `until` (Unix milliseconds), or until `stop` is true after an event. */
  async run(until: number, stop?: () => boolean): Promise<void> {
    await turn();
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
      if (next.cleared) continue;
      this.#advance(next.at);
      this.events++;
      next.run();
      await turn();
      if (stop?.() === true) return;
    }
    this.#now = Math.max(this.#now, until);
  }

  #advance(at: number): void {
    this.#atOnce = at === this.#now ? this.#atOnce + 1 : 0;
    if (this.#atOnce > MOST_AT_ONCE) throw new EndlessWorld(`more than ${MOST_AT_ONCE} events at one moment`);
    this.#now = at;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || before(above, event)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      const right = heap[2 * i + 2];
      const least = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (least === undefined || before(last, least)) break;
      heap[i] = least;
      i = least === left ? 2 * i + 1 : 2 * i + 2;
    }
    heap[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * One turn of the real event loop: all microtasks are done when it comes. Nothing of the world is in the loop's own
 * queues, so the turn changes nothing but that.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
