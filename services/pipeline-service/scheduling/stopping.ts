import { encode } from "@convergence/contracts";
import type { PipelineServiceDeps } from "../deps.ts";

/**
 * Tells the runners of runs that ended while steps of theirs were in flight, so that these stop. What is lost on the
 * way is told again when the runner renews the step's lease.
 */
export class Stopping {
  readonly #deps: Pick<PipelineServiceDeps, "bus" | "clock" | "log">;
  /** To be told, with their tenants. */
  readonly #runs = new Map<string, string>();

  constructor(deps: Pick<PipelineServiceDeps, "bus" | "clock" | "log">) {
    this.#deps = deps;
  }

  tell(tenantId: string, runId: string): void {
    this.#runs.set(runId, tenantId);
    // Runs that end together share an append.
    if (this.#runs.size === 1) queueMicrotask(() => void this.#send());
  }

  async #send(): Promise<void> {
    const { bus, clock, log } = this.#deps;
    const at = clock.now();
    const records = [...this.#runs].map(([run_id, tenant_id]) => ({
      topic: "stopped-runs",
      key: run_id,
      value: encode({ type: "RunStopped", tenant_id, run_id, at }),
    }));
    this.#runs.clear();
    try {
      await bus.append(records);
    } catch (error) {
      log.warn({ error: String(error) }, "runners could not be told of runs that ended; they are told later");
    }
  }
}
