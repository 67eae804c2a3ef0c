import type { Bus } from "@convergence/bus/port.ts";
import type { KeyEncryption, Sealing } from "@convergence/keys/port.ts";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { Random } from "@convergence/runtime/random.ts";
import type { TenantFact, TenantState } from "@convergence/tenant";
import type { TableShape, Warehouse } from "@convergence/warehouse/port.ts";
import type { OwnedLane, WriterLog } from "@convergence/writer";

/** What tenant-service is handed. */
export interface TenantServiceDeps {
  bus: Bus;
  warehouse: Warehouse;
  keys: KeyEncryption;
  sealing: Pick<Sealing, "seal" | "generateKept" | "restore">;
  clock: Clock;
  random: Random;
  /** This instance's name. */
  instance: string;
  log: WriterLog;
  metrics: Metrics;
  /** Shapes of the five tables of a tenant's dataset, and of the platform's `tenants`, by name. */
  tableShapes: Readonly<Record<string, TableShape>>;
  /** Dataset of the platform's own tables. */
  platformDataset: string;
  /** Subscription tier of a new tenant. */
  defaultTier: string;
}

export type TenantLane = OwnedLane<TenantState, TenantFact>;

/** An onboarding cannot go on, whatever is tried: the client is told why. */
export class OnboardingStopped extends Error {
  override readonly name = "OnboardingStopped";
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, detail: string) {
    super(detail);
    this.status = status;
    this.reason = reason;
  }
}
