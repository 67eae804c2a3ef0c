import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { Prng } from "./prng.ts";
import type { World } from "./world.ts";

/** What befalls a process at one of its effects: see FaultPlan. */
export type Fate = "go" | "die before" | "die after" | "freeze";

export interface ProcessOptions {
  world: World;
  /** The instance's name: a new one for each start. */
  name: string;
  /** The place that it fills; its successors fill the same. */
  slot: string;
  random: Prng;
  /** Milliseconds by which its clock is ahead. */
  skewMs: number;
  /** Asked at each effect. */
  fateOf(process: Process, effect: string): Fate;
  onDeath(process: Process): void;
}

/**
 * One operating-system process of the cluster: everything that its service does to the outside passes through here,
 * so that it can die or freeze between any two effects. What a dead one waits for never comes.
 */
export class Process {
  readonly name: string;
  readonly slot: string;
  readonly random: Prng;
  readonly clock: Clock;
  readonly #options: ProcessOptions;
  #state: "running" | "frozen" | "dead" = "running";
  #held: (() => void)[] = [];

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.slot = options.slot;
    this.random = options.random;
    this.clock = {
      now: () => options.world.now() + options.skewMs,
      after: (ms, run) => this.#after(ms, run),
    };
  }

  get alive(): boolean {
    return this.#state !== "dead";
  }

  get running(): boolean {
    return this.#state === "running";
  }

  /**
   * Performs an effect and gives its answer back, where the process lives to hear it.
   * @param effect names it: "append run.events", "submitQuery", ...
   */
  effect<T>(effect: string, perform: () => Promise<T>): Promise<T> {
    if (this.#state === "dead") return never();
    const fate = this.#options.fateOf(this, effect);
    if (fate === "die before") {
      this.die();
      return never();
    }
    return new Promise((resolve, reject) => {
      this.whenRunning(() => {
        perform().then(
          (value) => this.whenRunning(() => resolve(value)),
          (error) => this.whenRunning(() => reject(error)),
        );
        if (fate === "die after") this.die();
      });
    });
  }

  /** Runs now; once it thaws if it is frozen; never once it is dead. */
  whenRunning(run: () => void): void {
    if (this.#state === "running") run();
    else if (this.#state === "frozen") this.#held.push(() => this.whenRunning(run));
  }

  die(): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#held = [];
    this.#options.onDeath(this);
  }

  freeze(): void {
    if (this.#state === "running") this.#state = "frozen";
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
  }

  #after(ms: number, run: () => void): Timer {
    let cleared = false;
    const timer = this.#options.world.after(ms, () => {
      this.whenRunning(() => {
        if (!cleared) run();
      });
    });
    return {
      clear: () => {
        cleared = true;
        timer.clear();
      },
    };
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}
