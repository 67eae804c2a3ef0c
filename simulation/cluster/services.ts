import type { Bus, Running } from "@convergence/bus/port.ts";
import { type Gateway, openGateway } from "@convergence/gateway/gateway.ts";
import { gatewayMetrics } from "@convergence/gateway/metrics.ts";
import type { Databases } from "@convergence/gateway/views/database.ts";
import type { KeyEncryption, Sealing } from "@convergence/keys/port.ts";
import { startPipelineService } from "@convergence/pipeline-service";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { Random } from "@convergence/runtime/random.ts";
import { startStepRunner } from "@convergence/step-runner";
import { startTenantService } from "@convergence/tenant-service";
import type { Warehouse } from "@convergence/warehouse/port.ts";
import { CATALOGUE, PLATFORM_DATASET, PROJECT, TABLE_SHAPES } from "./materials.ts";

/** Shorter than in production, so that more happens. In milliseconds. */
export const LEASE_MS = 5_000;
const SNAPSHOT_MS = 1_500;
const FLUSH_MS = 300;
const SLOTS = 4;

type Tell = (detail: object, message: string) => void;

/** What every process is handed. */
export interface Parts {
  bus: Bus;
  warehouse: Warehouse;
  clock: Clock;
  random: Random;
  instance: string;
  log: { debug: Tell; info: Tell; warn: Tell; error: Tell };
  metrics: Metrics;
  keys: KeyEncryption;
  sealing: Sealing;
}

/** Starts the service of a slot that is no gateway's. */
export function startService(slot: string, parts: Parts): Promise<Running> {
  switch (slot.split("-")[0]) {
    case "pipeline":
      return startPipelineService({
        ...parts,
        catalogue: CATALOGUE,
        project: PROJECT,
        leaseMs: LEASE_MS,
        snapshotMs: SNAPSHOT_MS,
      });
    case "runner":
      return startStepRunner({ ...parts, slots: SLOTS, inbox: null, flushMs: FLUSH_MS });
    default:
      return startTenantService({
        ...parts,
        tableShapes: TABLE_SHAPES,
        platformDataset: PLATFORM_DATASET,
        defaultTier: "ENTERPRISE",
      });
  }
}

/** Opens a gateway over files that outlive it. */
export function openGatewayOn(parts: Parts, database: Databases): Promise<Gateway> {
  return openGateway({
    ...parts,
    metrics: gatewayMetrics(parts.metrics),
    database,
    catalogue: CATALOGUE,
    project: PROJECT,
    estimate: null,
    platformDataset: PLATFORM_DATASET,
  });
}
