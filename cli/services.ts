import path from "node:path";
import type { Bus } from "@convergence/bus";
import { measureDeadLetters } from "@convergence/bus/dead-letter-metrics.ts";
import { measureLag } from "@convergence/bus/lag-metrics.ts";
import type { Readings } from "@convergence/bus/port.ts";
import { TOPICS } from "@convergence/contracts";
import { gatewayMetrics, httpApp, openGateway, serve } from "@convergence/gateway";
import { hpkeSealing, type KeyEncryption, meteredKeyEncryption } from "@convergence/keys";
import { type Catalogue, type Fault, loadTableShapes, watchCatalogue } from "@convergence/pipeline";
import { startPipelineService } from "@convergence/pipeline-service";
import {
  type Config,
  systemClock as clock,
  type Lifecycle,
  type Logger,
  type Metrics,
  systemRandom as random,
} from "@convergence/runtime";
import { startStepRunner } from "@convergence/step-runner";
import { startTenantService } from "@convergence/tenant-service";
import { meteredWarehouse, type Warehouse } from "@convergence/warehouse";
import { estimator } from "./estimate.ts";

/** How long a runner's claim of a step holds unless renewed, in milliseconds. */
const LEASE_MS = 30_000;
/** From an event to its snapshot, at most, in milliseconds. */
const SNAPSHOT_MS = 60_000;
/** How long projected rows gather before they are written, in milliseconds. */
const FLUSH_MS = 500;

const TOPIC_NAMES = Object.keys(TOPICS);

/** What the services of one process share. */
export interface Shared {
  config: Config;
  bus: Bus & Readings;
  metrics: Metrics;
  version: string;
  parts: Lifecycle;
  logOf(service: string): Logger;
}

/** Tells in this process' metrics how far its readers are behind. */
export async function lagPart({ bus, metrics, parts }: Shared): Promise<void> {
  await parts.start(
    "consumer lag",
    () => measureLag(bus, metrics, clock),
    (measuring) => measuring.stop(),
  );
}

/**
 * Loads the templates, and anew once they are edited; those with faults are told in the log, and their runs are refused
 * with them.
 */
export async function loadTemplates({
  config,
  logOf,
  parts,
}: Pick<Shared, "config" | "logOf" | "parts">): Promise<Catalogue> {
  const log = logOf("templates");
  const tell = (faults: readonly Fault[]) => {
    for (const { file, line, column, message } of faults) {
      log.warn({ template: `${file}:${line}:${column}` }, message);
    }
  };
  const catalogue = await parts.start(
    "templates",
    () =>
      watchCatalogue(config.CONVERGENCE_CONFIGS_DIR, {
        clock,
        changed({ faults, ...templates }) {
          log.info(templates, "templates were edited");
          tell(faults);
        },
        failed: (err) => log.error({ err }, "the templates cannot be read: those read before stay in force"),
      }),
    (watched) => watched.stop(),
  );
  tell(catalogue.faults);
  return catalogue;
}

/** The gateway with its HTTP server. Resolves, with its port, once its views are caught up. */
export async function gatewayPart(
  shared: Shared,
  own: {
    database: string;
    catalogue: Catalogue;
    adminKey: string;
    openOnboarding: boolean;
    /** For estimates of bytes alone, where a request asks for them; null: there are none. */
    warehouse: Warehouse | null;
    /** Whether /metrics is on PORT, too. */
    metricsOnPort: boolean;
  },
): Promise<number> {
  const { config, bus, parts, version } = shared;
  const log = shared.logOf("gateway");
  const meters = gatewayMetrics(shared.metrics);
  const gateway = await parts.start(
    "gateway",
    () =>
      openGateway({
        bus,
        clock,
        random,
        sealing: hpkeSealing,
        database: own.database,
        instance: instanceOf("gateway"),
        catalogue: own.catalogue,
        project: config.GCP_PROJECT_ID,
        estimate: own.warehouse && estimator(own.warehouse),
        platformDataset: config.PLATFORM_DATASET,
        log,
        metrics: meters,
      }),
    (opened) => opened.stop(),
  );
  const { adminKey, openOnboarding } = own;
  const access = { adminKey, openOnboarding };
  const app = httpApp(gateway, {
    ...access,
    clock,
    random,
    log,
    metrics: meters,
    rateLimits: {
      tenantPerSecond: config.RATE_LIMIT_TENANT,
      keyPerSecond: config.RATE_LIMIT_KEY,
      burstSeconds: config.RATE_LIMIT_BURST,
      failuresPerMinute: config.RATE_LIMIT_FAILURES,
    },
    exposition: own.metricsOnPort ? shared.metrics : null,
    version,
  });
  const http = await parts.start(
    "HTTP",
    () => serve(app, config.HOST, config.PORT, () => gateway.endStreams()),
    (server) => server.close(),
  );
  await gateway.ready;
  return http.port;
}

/** tenant-service: the one writer of tenants and keys. */
export async function tenantPart(shared: Shared, warehouse: Warehouse, keys: KeyEncryption): Promise<void> {
  const { config, bus, metrics, parts } = shared;
  const tableShapes = await loadTableShapes(path.join(config.CONVERGENCE_CONFIGS_DIR, "metadata", "schemas"));
  const log = shared.logOf("tenant-service");
  // Here alone, since every instance of a service would read the same: tenant-service has the least to do, and few.
  await parts.start(
    "count of dead letters",
    () => measureDeadLetters(bus, TOPIC_NAMES, metrics, clock),
    (measuring) => measuring.stop(),
  );
  await parts.start(
    "tenant-service",
    () =>
      startTenantService({
        bus,
        warehouse: meteredWarehouse(warehouse, metrics, clock),
        clock,
        metrics,
        random,
        instance: instanceOf("tenant-service"),
        log,
        keys: meteredKeyEncryption(keys, metrics, clock),
        sealing: hpkeSealing,
        tableShapes,
        platformDataset: config.PLATFORM_DATASET,
        defaultTier: config.DEFAULT_SUBSCRIPTION_TIER,
      }).then(exitOnFailure(log)),
    (service) => service.stop(),
  );
}

/** pipeline-service: the one writer of runs. */
export async function pipelinePart(shared: Shared, catalogue: Catalogue): Promise<void> {
  const { config, bus, metrics, parts } = shared;
  const log = shared.logOf("pipeline-service");
  await parts.start(
    "pipeline-service",
    () =>
      startPipelineService({
        bus,
        clock,
        random,
        metrics,
        instance: instanceOf("pipeline-service"),
        log,
        catalogue,
        project: config.GCP_PROJECT_ID,
        leaseMs: LEASE_MS,
        snapshotMs: SNAPSHOT_MS,
      }).then(exitOnFailure(log)),
    (service) => service.stop(),
  );
}

/** step-runner: executes steps, projects runs. */
export async function runnerPart(shared: Shared, warehouse: Warehouse, keys: KeyEncryption): Promise<void> {
  const { config, bus, metrics, parts } = shared;
  const log = shared.logOf("step-runner");
  await parts.start(
    "step-runner",
    () =>
      startStepRunner({
        bus,
        warehouse: meteredWarehouse(warehouse, metrics, clock),
        keys: meteredKeyEncryption(keys, metrics, clock),
        clock,
        metrics,
        instance: instanceOf("step-runner"),
        log,
        slots: config.RUNNER_SLOTS,
        inbox: config.CONVERGENCE_INBOX ?? null,
        flushMs: FLUSH_MS,
      }).then(exitOnFailure(log)),
    (service) => service.stop(),
  );
}

/** A name that no other living instance bears. */
function instanceOf(service: string): string {
  return `${service}-${random.uuid().slice(0, 8)}`;
}

/** A part whose work ends by a fault takes the process with it: a restart is clean, a half service is not. */
export function exitOnFailure(log: Logger): <S extends { failed: Promise<never> }>(part: S) => S {
  return (part) => {
    part.failed.catch((error: unknown) => {
      log.fatal({ err: error }, "a part of the process failed");
      process.exit(1);
    });
    return part;
  };
}
