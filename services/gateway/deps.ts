import type { Bus } from "@convergence/bus";
import type { Sealing } from "@convergence/keys/port.ts";
import type { Catalogue } from "@convergence/pipeline";
import type { DryRunQuery } from "@convergence/pipeline/dry-run.ts";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Random } from "@convergence/runtime/random.ts";
import type { GatewayMetrics } from "./metrics.ts";
import type { Databases } from "./views/database.ts";

/** What the gateway tells its operators: pino's shape, without secrets. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How many bytes a query would read, by BigQuery's dry run, or why that is not known. Has no effect. */
export type EstimateBytes = (
  query: DryRunQuery,
) => Promise<{ bytes_estimate: number | null; estimate_note: string | null }>;

/** What a gateway is made of. */
export interface GatewayDeps {
  bus: Bus;
  clock: Clock;
  random: Random;
  sealing: Sealing;
  /**
   * Path of the SQLite file of its views; the outbox of delivered keys lies beside it (`<path>-outbox`).
   * Or open databases, which the gateway then does not close; or ":memory:", which forgets all at a restart.
   */
  database: string | Databases;
  /** This instance's name: unique among living gateways. Tenant commands are answered to it. */
  instance: string;
  catalogue: Pick<Catalogue, "list" | "find" | "faultsOf">;
  /** The project of all datasets. */
  project: string;
  /** For dry runs that ask for it; null where this gateway has no BigQuery. Nothing else of a gateway reaches it. */
  estimate: EstimateBytes | null;
  /** The platform's own dataset: no tenant may bear its name. */
  platformDataset: string;
  log: Log;
  metrics: GatewayMetrics;
}
