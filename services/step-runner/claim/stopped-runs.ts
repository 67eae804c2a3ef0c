import type { BusRecord, View } from "@convergence/bus/port.ts";
import { decodeAs, STOPPED_RUNS_TYPES, UnreadableRecord } from "@convergence/contracts";
import type { StepRunnerDeps } from "../deps.ts";

/** So many runs that ended are remembered, for tasks that are taken late. */
const REMEMBERED = 10_000;

/** Follows which runs ended while steps of theirs were in flight: what this runner does for them is to be stopped. */
export class StoppedRuns {
  readonly #deps: Pick<StepRunnerDeps, "bus" | "log">;
  readonly #stopped: (runId: string) => void;
  readonly #runs = new Set<string>();
  #view: View | undefined;

  constructor(deps: Pick<StepRunnerDeps, "bus" | "log">, stopped: (runId: string) => void) {
    this.#deps = deps;
    this.#stopped = stopped;
  }

  async start(): Promise<void> {
    const options = { topics: ["stopped-runs"], from: "end" } as const;
    this.#view = await this.#deps.bus.view(options, (record) => this.#fold(record));
  }

  async stop(): Promise<void> {
    await this.#view?.stop();
  }

  has(runId: string): boolean {
    return this.#runs.has(runId);
  }

  #fold(record: BusRecord): void {
    let runId: string;
    try {
      runId = decodeAs(record.value, STOPPED_RUNS_TYPES).run_id;
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      this.#deps.log.error({ topic: record.topic, error: String(error) }, "unreadable record");
      return;
    }
    this.#runs.add(runId);
    const [oldest] = this.#runs;
    if (this.#runs.size > REMEMBERED && oldest !== undefined) this.#runs.delete(oldest);
    this.#stopped(runId);
  }
}
