import type { Clock, Timer } from "@convergence/runtime/clock.ts";

/** A clock that moves only when told, and knows what waits on it. */
export class VirtualClock implements Clock {
  #now = 1_764_000_000_000;
  #order = 0;
  #timers: { at: number; order: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Timer {
    const timer = { at: this.#now + ms, order: this.#order++, run };
    this.#timers.push(timer);
    return { clear: () => this.#remove(timer) };
  }

  /** Times until the timers that wait, in milliseconds, soonest first. */
  waiting(): number[] {
    return this.#timers.map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Moves on, runs what falls due in order, and lets all promises settle after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.at - b.at || a.order - b.order);
      if (!next || next.at > until) break;
      this.#now = next.at;
      this.#remove(next);
      next.run();
      await settle();
    }
    this.#now = until;
  }

  #remove(timer: { run: () => void }): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }
}

/** Resolves when no promise has anything left to do. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
