import type { Bus, BusRecord, View } from "@convergence/bus/port.ts";
import { decode, type TenantSnapshot, UnreadableRecord } from "@convergence/contracts";

/** What admission needs to know of a tenant. */
export type KnownTenant = Pick<
  TenantSnapshot,
  "tenant_name" | "lifecycle" | "tier" | "version" | "max_pipelines_per_month" | "max_concurrent_pipelines"
>;

/** Whether runs of the tenant may be asked for, and those that wait may begin: not while it is suspended. */
export function mayStartRuns(tenant: Pick<KnownTenant, "lifecycle"> | undefined): boolean {
  return tenant?.lifecycle === "ACTIVE";
}

/** The tenants as tenant-service last wrote them: the `tenants` topic, each tenant's highest version. */
export class Tenants {
  readonly #byId = new Map<string, KnownTenant>();
  readonly #changed: (tenantId: string) => void;
  #view: View | undefined;

  /** `changed` is told of each change of a tenant. */
  constructor(changed: (tenantId: string) => void) {
    this.#changed = changed;
  }

  async start(bus: Bus): Promise<void> {
    this.#view = await bus.view({ topics: ["tenants"], from: "low" }, (record) => this.#fold(record));
    await this.#view.caughtUp();
  }

  async stop(): Promise<void> {
    await this.#view?.stop();
  }

  /** A tenant by its id in lower case. */
  find(tenantId: string): KnownTenant | undefined {
    return this.#byId.get(tenantId);
  }

  /** Resolves once all that was written before the call is known. */
  async caughtUp(): Promise<void> {
    await this.#view?.caughtUp();
  }

  #fold(record: BusRecord): void {
    const snapshot = readSnapshot(record);
    if (snapshot === undefined || snapshot.tenant_name === "") return;
    const known = this.#byId.get(snapshot.tenant_id);
    if (known !== undefined && known.version >= snapshot.version) return;
    this.#byId.set(snapshot.tenant_id, snapshot);
    this.#changed(snapshot.tenant_id);
  }
}

function readSnapshot(record: BusRecord): TenantSnapshot | undefined {
  if (record.value === null) return undefined;
  try {
    const message = decode(record.value);
    return message.type === "TenantSnapshot" ? message : undefined;
  } catch (error) {
    if (error instanceof UnreadableRecord) return undefined;
    throw error;
  }
}
