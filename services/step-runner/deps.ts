import type { Bus } from "@convergence/bus/port.ts";
import type { KeyEncryption } from "@convergence/keys/port.ts";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { Warehouse } from "@convergence/warehouse/port.ts";
import type { WriterLog } from "@convergence/writer";

/** What step-runner is handed. */
export interface StepRunnerDeps {
  bus: Bus;
  warehouse: Warehouse;
  /** Opens the tenants' credentials. */
  keys: Pick<KeyEncryption, "decrypt">;
  clock: Clock;
  /** CONVERGENCE_INBOX: the folder with a folder for each tenant, which bigquery_load reads; null: none. */
  inbox: string | null;
  /** This instance's name. */
  instance: string;
  log: WriterLog;
  metrics: Metrics;
  /** How many steps it executes at a time. */
  slots: number;
  /** How long projected rows gather before they are written, in milliseconds. */
  flushMs: number;
}
