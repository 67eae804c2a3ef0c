import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { Offset } from "./port.ts";

interface Waiter<C> {
  ends: ReadonlyMap<C, Offset>;
  resolve(caughtUp: boolean): void;
  timer: Timer | undefined;
}

/** Those who wait until cursors have come to given offsets: what a view's `caughtUp` is made of. */
export class PositionWaiters<C extends { readonly position: Offset }> {
  readonly #clock: Clock;
  #waiters: Waiter<C>[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves true once every cursor has come to its offset; false when `ms` passed, or `end` was called, first. */
  wait(ends: ReadonlyMap<C, Offset>, ms: number | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter<C> = { ends, resolve, timer: undefined };
      if (ms !== undefined) {
        waiter.timer = this.#clock.after(ms, () => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          resolve(false);
        });
      }
      this.#waiters.push(waiter);
      this.answer();
    });
  }

  /** Resolves those that wait for what is folded by now. To be called when a cursor has moved. */
  answer(): void {
    if (this.#waiters.length === 0) return;
    this.#waiters = this.#waiters.filter(({ ends, resolve, timer }) => {
      for (const [cursor, end] of ends) if (cursor.position < end) return true;
      timer?.clear();
      resolve(true);
      return false;
    });
  }

  end(): void {
    for (const { resolve, timer } of this.#waiters.splice(0)) {
      timer?.clear();
      resolve(false);
    }
  }
}
