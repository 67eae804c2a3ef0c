import type { Bus, BusRecord, View, ViewOptions } from "@convergence/bus";
import { type Clock, sleep } from "@convergence/runtime/clock.ts";
import type { Log } from "../deps.ts";
import type { GatewayMetrics } from "../metrics.ts";

/**
 * - starting: what was stored before the start is not folded yet; it must not be asked.
 * - current: it was folded; from then on the view follows the log.
 * - stale: the bus does not answer, so the view serves what its file held.
 */
export type ViewState = "starting" | "current" | "stale";

/** How long a bus may be silent at the start before a view serves from its file, in milliseconds. */
export const SILENCE_MS = 5_000;
const AGAIN_MS = 1_000;

export interface FollowerOptions {
  bus: Bus;
  clock: Clock;
  log: Log;
  metrics: Pick<GatewayMetrics, "viewCurrent">;
  name: string;
  topics: readonly string[];
  /** Where to read from; asked at each (re)start of reading. May ask the bus. */
  from(): Promise<ViewOptions["from"]>;
  fold(record: BusRecord): void;
  /** All that was stored when reading (re)started is folded. */
  current(): void;
  /** False where there is nothing in the file to serve from. */
  canServeStale(): boolean;
}

/** Keeps a bus view running: starts it, begins again after a fault, knows whether it may be asked. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #ready = Promise.withResolvers<void>();
  #state: ViewState = "starting";
  #view: View | undefined;
  #answered = false;
  #stopped = false;
  #catchingUp: Promise<boolean> | undefined;
  #nextCatchUp: Promise<boolean> | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    options.metrics.viewCurrent(options.name, false);
    void this.#run();
    options.clock.after(SILENCE_MS, () => {
      if (this.#state !== "starting" || this.#answered || this.#stopped || !options.canServeStale()) return;
      options.log.warn({ view: options.name }, "the bus does not answer: serving from the file");
      this.#become("stale");
    });
  }

  get state(): ViewState {
    return this.#state;
  }

  /** Resolves once the view may be asked. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** The bus view's positions, past compacted stretches too; undefined while none is running. */
  get view(): View | undefined {
    return this.#view;
  }

  /**
   * Resolves true once all that is stored now is folded, false when that took longer than `ms` or the bus is away.
   * Many who ask at once share one question.
   */
  caughtUp(ms: number): Promise<boolean> {
    if (this.#catchingUp === undefined) {
      this.#catchingUp = this.#catchUp(ms).finally(() => {
        this.#catchingUp = undefined;
      });
      return this.#catchingUp;
    }
    // The question under way was asked before now: what it waits for may not include what this caller means.
    this.#nextCatchUp ??= this.#catchingUp.then(() => {
      this.#nextCatchUp = undefined;
      return this.caughtUp(ms);
    });
    return this.#nextCatchUp;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#view?.stop();
  }

  async #catchUp(ms: number): Promise<boolean> {
    try {
      return (await this.#view?.caughtUp(ms)) ?? false;
    } catch {
      return false;
    }
  }

  async #run(): Promise<void> {
    const { clock, log, name } = this.#options;
    while (!this.#stopped) {
      try {
        await this.#follow();
      } catch (err) {
        if (this.#stopped) return;
        log.warn({ err, view: name }, "reading failed: beginning again");
      }
      await this.#view?.stop().catch(() => {});
      this.#view = undefined;
      if (!this.#stopped) await sleep(clock, AGAIN_MS);
    }
  }

  /** Reads until a fault ends it. */
  async #follow(): Promise<void> {
    const { bus, topics, name, fold, from, current } = this.#options;
    const start = await from();
    for (const topic of topics) await bus.ends(topic);
    this.#answered = true;
    if (this.#stopped) return;
    const view = await bus.view({ topics, from: start, member: name }, fold);
    this.#view = view;
    if (await view.caughtUp()) {
      current();
      this.#become("current");
    }
    await view.failed;
  }

  #become(state: ViewState): void {
    this.#state = state;
    this.#options.metrics.viewCurrent(this.#options.name, state === "current");
    this.#ready.resolve();
  }
}
