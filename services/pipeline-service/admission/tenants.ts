import type { Bus, BusRecord, View } from "@convergence/bus/port.ts";
import { decode, type TenantSnapshot, UnreadableRecord } from "@convergence/contracts";

/** What admission needs to know of a tenant. */
export type KnownTenant = Pick<TenantSnapshot, "tenant_name" | "lifecycle" | "tier" | "version">;

/** The tenants as tenant-service last wrote them: the `tenants` topic, each tenant's highest version. */
export class Tenants {
  readonly #byId = new Map<string, KnownTenant>();
  #view: View | undefined;

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
    if (known === undefined || known.version < snapshot.version) this.#byId.set(snapshot.tenant_id, snapshot);
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
