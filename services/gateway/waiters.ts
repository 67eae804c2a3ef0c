import type { Clock } from "@convergence/runtime/clock.ts";

/** Those who wait for something that will be told under a key. */
export class Waiters<T> {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<(value: T | undefined) => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with what `wake` tells under this key, or undefined when `ms` milliseconds passed first. */
  wait(key: string, ms: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      if (waiting.size === 0) this.#waiting.set(key, waiting);
      const timer = this.#clock.after(ms, () => {
        waiting.delete(woken);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
        resolve(undefined);
      });
      const woken = (value: T | undefined) => {
        timer.clear();
        resolve(value);
      };
      waiting.add(woken);
    });
  }

  /** Lets all who wait under this key go, with undefined. */
  giveUp(key: string): void {
    this.#end(key, undefined);
  }

  /** Tells all who wait under this key. */
  wake(key: string, value: T): void {
    this.#end(key, value);
  }

  #end(key: string, value: T | undefined): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    for (const woken of waiting) woken(value);
  }
}
