/** A timer that can be cleared. */
export interface Timer {
  clear(): void;
}

/**
 * Time, handed in: nothing outside this file and the simulator asks the machine what time it is.
 * `now` is Unix time in milliseconds; delays are milliseconds.
 */
export interface Clock {
  now(): number;
  after(ms: number, run: () => void): Timer;
}

/** The machine's clock. Its timers do not keep a process alive that has nothing else to do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const handle = setTimeout(run, ms);
    handle.unref();
    return { clear: () => clearTimeout(handle) };
  },
};

/** Resolves after `ms` milliseconds of the given clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

/** Calls `run` every `ms` milliseconds of the given clock, until cleared. */
export function every(clock: Clock, ms: number, run: () => void): Timer {
  let timer = clock.after(ms, tick);
  function tick(): void {
    timer = clock.after(ms, tick);
    run();
  }
  return { clear: () => timer.clear() };
}
