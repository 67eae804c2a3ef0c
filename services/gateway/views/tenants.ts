import type { DatabaseSync } from "node:sqlite";
import { TENANTS_TYPES, type TenantSnapshot } from "@convergence/contracts";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { GatewayDeps } from "../deps.ts";
import { Waiters } from "../waiters.ts";
import { CompactedView, type Projection } from "./compacted-view.ts";
import type { Follower } from "./follower.ts";

interface Tenants {
  byId: Map<string, TenantSnapshot>;
  /** Tenant by the id of a key that is in force, but not known to have reached its owner. */
  undelivered: Map<string, string>;
}

const projection: Projection<(typeof TENANTS_TYPES)[number], Tenants> = {
  topic: "tenants",
  types: TENANTS_TYPES,
  empty: () => ({ byId: new Map(), undelivered: new Map() }),
  apply(tenants, key, message) {
    if (message === null) {
      forget(tenants, key);
    } else if (message.type === "TenantSnapshot" && !isOlder(message, tenants.byId.get(message.tenant_id))) {
      forget(tenants, message.tenant_id);
      tenants.byId.set(message.tenant_id, message);
      for (const { key_id, phase, delivered } of message.keys) {
        if (phase === "ACTIVE" && !delivered) tenants.undelivered.set(key_id, message.tenant_id);
      }
    }
  },
  urgent: () => false,
};

/** What is known of each tenant: the topic `tenants` folded. */
export class TenantsView {
  readonly #view: CompactedView<(typeof TENANTS_TYPES)[number], Tenants>;
  readonly #clock: Clock;
  readonly #changed: Waiters<true>;

  constructor(deps: GatewayDeps, database: DatabaseSync) {
    this.#clock = deps.clock;
    this.#changed = new Waiters(deps.clock);
    this.#view = new CompactedView(deps, database, projection, (message) => {
      if (message.type === "TenantSnapshot") this.#changed.wake(message.tenant_id, true);
    });
  }

  get follower(): Follower {
    return this.#view.follower;
  }

  /** `tenantId` in lower case. */
  get(tenantId: string): TenantSnapshot | undefined {
    return this.#view.state.byId.get(tenantId);
  }

  /** Resolves once this view knows the tenant as `shown` wants it, or after `ms` milliseconds. */
  async waitFor(tenantId: string, ms: number, shown: (tenant: TenantSnapshot) => boolean): Promise<void> {
    const deadline = this.#clock.now() + ms;
    for (let left = ms; left > 0; left = deadline - this.#clock.now()) {
      const tenant = this.get(tenantId);
      if (tenant !== undefined && shown(tenant)) return;
      if ((await this.#changed.wait(tenantId, left)) === undefined) return;
    }
  }

  /** True while the key, in force, is not known to have reached its owner. */
  isUndelivered(keyId: string): boolean {
    return this.#view.state.undelivered.has(keyId);
  }

  stop(): Promise<void> {
    return this.#view.stop();
  }
}

/** An owner that was deposed may write after its successor, under a key of its own: the version tells. */
function isOlder({ version }: TenantSnapshot, known: TenantSnapshot | undefined): boolean {
  return known !== undefined && version < known.version;
}

function forget(tenants: Tenants, tenantId: string): void {
  for (const { key_id } of tenants.byId.get(tenantId)?.keys ?? []) tenants.undelivered.delete(key_id);
  tenants.byId.delete(tenantId);
}
