import type { OutRecord } from "@convergence/bus/port.ts";
import { encode, type StepResultsMessage, type Trace, traced } from "@convergence/contracts";
import { sleep } from "@convergence/runtime/clock.ts";
import type { StepRunnerDeps } from "../deps.ts";

const RETRY_MS = 100;

/** Sends results: what gathers while one append is in flight goes with the next. A failed append is repeated. */
export class Results {
  readonly #deps: Pick<StepRunnerDeps, "bus" | "clock" | "log">;
  #waiting: OutRecord[] = [];
  #sending: Promise<void> | undefined;

  constructor(deps: Pick<StepRunnerDeps, "bus" | "clock" | "log">) {
    this.#deps = deps;
  }

  send(result: StepResultsMessage, trace: Trace | null): void {
    const { tenant_id: key } = result;
    this.#waiting.push({ topic: "step.results", key, value: encode(result), ...traced(trace) });
    // In a microtask of its own, so that a claim and the report of an instant step share an append.
    this.#sending ??= Promise.resolve().then(() => this.#drain());
  }

  /** Resolves when all that was given is stored. */
  async flushed(): Promise<void> {
    await this.#sending;
  }

  async #drain(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const records = this.#waiting;
      this.#waiting = [];
      await this.#append(records);
    }
    this.#sending = undefined;
  }

  async #append(records: OutRecord[]): Promise<void> {
    const { bus, clock, log } = this.#deps;
    for (;;) {
      try {
        await bus.append(records);
        return;
      } catch (error) {
        log.warn({ error: String(error) }, "results could not be sent; they are sent again");
        await sleep(clock, RETRY_MS);
      }
    }
  }
}
