import { type Clock, sleep } from "@convergence/runtime/clock.ts";
import { BusUnavailable } from "../port.ts";
import { asBusError, describe, isPassing } from "./errors.ts";

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 500;

/** Asks the brokers, again and again while they are away, for a bounded time. */
export class Reach {
  readonly clock: Clock;
  readonly withinMs: number;

  constructor(clock: Clock, withinMs: number) {
    this.clock = clock;
    this.withinMs = withinMs;
  }

  /**
   * What `ask` resolves with; it is asked again when it fails for what may pass.
   * @throws BusUnavailable once the time is over; any other failure of `ask` at once.
   */
  async within<T>(what: string, ask: () => Promise<T>, ms = this.withinMs): Promise<T> {
    const deadline = this.clock.now() + ms;
    const tries = async (): Promise<T> => {
      for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
        try {
          return await ask();
        } catch (error) {
          if (!isPassing(error) || this.clock.now() + wait > deadline) throw asBusError(what, error);
          await sleep(this.clock, wait);
        }
      }
    };
    return this.bounded(what, tries(), ms);
  }

  /** What `answer` resolves with, or BusUnavailable after `ms` milliseconds. */
  bounded<T>(what: string, answer: Promise<T>, ms = this.withinMs): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new BusUnavailable(`${what}: the brokers did not answer within ${ms} ms`));
      const timer = this.clock.after(ms, late);
      answer.then(resolve, reject).finally(() => timer.clear());
    });
  }
}

/** A failure that lasts shorter is no news: a topic's leader is chosen, a group's coordinator loads. */
const NEWS_AFTER_MS = 500;

/** Waits between tries that go on until they succeed, and says once that they fail, once that they work again. */
export class Outage {
  readonly #clock: Clock;
  readonly #say: { away(why: string): void; back(): void };
  #wait = FIRST_WAIT_MS;
  #since: number | undefined;
  #said = false;

  constructor(clock: Clock, say: { away(why: string): void; back(): void }) {
    this.#clock = clock;
    this.#say = say;
  }

  /** After a failure: resolves when to try again. */
  async failed(error: unknown): Promise<void> {
    this.#since ??= this.#clock.now();
    if (!this.#said && this.#clock.now() - this.#since >= NEWS_AFTER_MS) {
      this.#said = true;
      this.#say.away(describe(error));
    }
    const wait = this.#wait;
    this.#wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    await sleep(this.#clock, wait);
  }

  worked(): void {
    if (this.#said) this.#say.back();
    this.#said = false;
    this.#since = undefined;
    this.#wait = FIRST_WAIT_MS;
  }
}
