import { decideRelease, type TenantRuns } from "@convergence/run";
import { quotaOf } from "@convergence/tenant";
import { mayStartRuns, type Tenants } from "../admission/tenants.ts";
import type { PipelineServiceDeps, RunLane } from "../deps.ts";

/**
 * Gives the runs that wait the places that are free: when a run ends, when a tenant's quota changes or it is resumed, and
 * when a lane is gained. It keeps nothing but the lanes: who waits is folded state, and a place given is an event.
 */
export class Places {
  readonly #log: PipelineServiceDeps["log"];
  readonly #tenants: Pick<Tenants, "find">;
  readonly #lanes = new Map<number, RunLane>();

  constructor({ log }: Pick<PipelineServiceDeps, "log">, tenants: Pick<Tenants, "find">) {
    this.#log = log;
    this.#tenants = tenants;
  }

  gained(lane: RunLane): void {
    this.#lanes.set(lane.partition, lane);
    for (const [tenantId, { state }] of lane.streams) this.giveOut(lane, tenantId, state);
  }

  lost(partition: number): void {
    this.#lanes.delete(partition);
  }

  tenantChanged(tenantId: string): void {
    for (const lane of this.#lanes.values()) {
      const stream = lane.streams.get(tenantId);
      if (stream !== undefined) this.giveOut(lane, tenantId, stream.state);
    }
  }

  /** Has it decided which of the runs that wait, as of this folded state, may begin. */
  giveOut(lane: RunLane, tenantId: string, { waiting }: TenantRuns): void {
    if (waiting.size === 0) return;
    const decide = (state: TenantRuns) => {
      const tenant = this.#tenants.find(tenantId);
      return tenant === undefined || !mayStartRuns(tenant) ? [] : decideRelease(state, quotaOf(tenant));
    };
    lane.propose(tenantId, decide).catch((error: unknown) => {
      this.#log.error({ tenant_id: tenantId, error: String(error) }, "waiting runs could not be released");
    });
  }
}
