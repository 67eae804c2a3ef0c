import type { Strike } from "../checker/evidence.ts";
import { pause } from "../until.ts";
import type { Planned } from "./plan.ts";
import { type Stage, strike, told } from "./strike.ts";

/** Carries a plan out: each fault at its time, one at a time for each service, an outage of the broker alone. */
export class Nemesis {
  readonly strikes: Strike[] = [];
  /** Faults that did not strike, with why. */
  readonly misses: string[] = [];
  readonly #stage: Stage;
  readonly #note: (what: string) => void;
  readonly #running = new Map<string, Promise<void>>();

  constructor(stage: Stage, note: (what: string) => void) {
    this.#stage = stage;
    this.#note = note;
  }

  /** Resolves once the last fault has passed. */
  async run(plan: readonly Planned[]): Promise<void> {
    const begun = performance.now();
    for (const fault of plan) {
      await pause(Math.max(0, fault.at - (performance.now() - begun)));
      if (fault.kind === "outage") {
        await this.#settled();
        await this.#strike(fault);
        continue;
      }
      const place = "service" in fault ? fault.service : fault.kind;
      const before = this.#running.get(place) ?? Promise.resolve();
      this.#running.set(
        place,
        before.then(() => this.#strike(fault)),
      );
    }
    await this.#settled();
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #strike(fault: Planned): Promise<void> {
    const at = Date.now();
    this.#note(told(fault));
    try {
      const evidence = await strike(this.#stage, fault);
      this.strikes.push({ kind: fault.kind, what: told(fault), at, ms: Date.now() - at, evidence });
      this.#note(`  ${evidence}`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.misses.push(`${told(fault)}: ${why}`);
      this.#note(`  did not strike: ${why}`);
    }
  }
}
