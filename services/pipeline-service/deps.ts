import type { Bus } from "@convergence/bus/port.ts";
import type { Catalogue } from "@convergence/pipeline";
import type { RunFact, TenantRuns } from "@convergence/run";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { Random } from "@convergence/runtime/random.ts";
import type { OwnedLane, WriterLog } from "@convergence/writer";

/** What pipeline-service is handed. */
export interface PipelineServiceDeps {
  bus: Bus;
  clock: Clock;
  random: Random;
  /** This instance's name. */
  instance: string;
  log: WriterLog;
  metrics: Metrics;
  catalogue: Pick<Catalogue, "find" | "faultsOf">;
  /** The project of all datasets. */
  project: string;
  /** How long a runner's claim of a step holds, in milliseconds. */
  leaseMs: number;
  /** From an event to its snapshot, at most, in milliseconds. */
  snapshotMs: number;
}

export type RunLane = OwnedLane<TenantRuns, RunFact>;
