import path from "node:path";
import { openEmbeddedBus } from "@convergence/bus";
import { topicSpecs } from "@convergence/contracts";
import { gatewayMetrics, httpApp, openGateway, serve } from "@convergence/gateway";
import { hpkeSealing, localKeyRing } from "@convergence/keys";
import { loadCatalogue, loadTableShapes } from "@convergence/pipeline";
import { startPipelineService } from "@convergence/pipeline-service";
import {
  type Config,
  type Lifecycle,
  type Logger,
  metrics,
  openDataDir,
  processMetrics,
  systemClock,
  systemRandom,
} from "@convergence/runtime";
import { startStepRunner } from "@convergence/step-runner";
import { startTenantService } from "@convergence/tenant-service";
import { bigQueryWarehouse } from "@convergence/warehouse";
import { adminKey } from "./admin-key.ts";
import { startLocalBigQueryThread } from "./local-bigquery.ts";

/** Partitions of every topic of the embedded bus: one process owns them all, so a few suffice. */
const PARTITIONS = 4;
/** How long a runner's claim of a step holds unless renewed, in milliseconds. */
const LEASE_MS = 30_000;
/** From an event to its snapshot, at most, in milliseconds. */
const SNAPSHOT_MS = 60_000;
/** How long projected rows gather before they are written, in milliseconds. */
const FLUSH_MS = 500;

/** Where an embedded Convergence listens, and what it keeps where. */
export interface Embedded {
  gatewayUrl: string;
  bigQueryUrl: string;
  /** The project of all datasets. */
  project: string;
  dataDir: string;
  /** The file that holds the admin key; null where ADMIN_API_KEY gave it. */
  adminKeyFile: string | null;
}

/**
 * Starts all four services in this process, on the embedded bus, a local BigQuery and a local key ring. Resolves
 * once the gateway answers and all views are caught up.
 * @throws StartError with what to do about it
 */
export async function startEmbedded(
  config: Config,
  logOf: (service: string) => Logger,
  parts: Lifecycle,
  version: string,
): Promise<Embedded> {
  const log = logOf("convergence");
  const clock = systemClock;
  const random = systemRandom;
  const registry = metrics();
  processMetrics(registry, version);
  const dataDir = await parts.start(
    "data folder",
    () => openDataDir(config.CONVERGENCE_DATA_DIR, random),
    (dir) => dir.close(),
  );
  const inDataDir = (name: string) => path.join(dataDir.path, name);
  const admin = await adminKey(config, inDataDir("admin-key"), random);
  const catalogue = await loadCatalogue(config.CONVERGENCE_CONFIGS_DIR);
  for (const { file, line, column, message } of catalogue.faults) {
    log.warn({ template: `${file}:${line}:${column}` }, message);
  }
  const tableShapes = await loadTableShapes(path.join(config.CONVERGENCE_CONFIGS_DIR, "metadata", "schemas"));
  const keys = await localKeyRing(inDataDir("keys.json"), random);

  const bigQuery = await parts.start(
    "local BigQuery",
    () =>
      startLocalBigQueryThread({
        host: config.HOST,
        port: config.LOCAL_BIGQUERY_PORT,
        project: config.GCP_PROJECT_ID,
        file: inDataDir("bigquery.duckdb"),
      }).then(exitOnFailure(log)),
    (server) => server.close(),
  );
  const bus = await parts.start(
    "bus",
    () =>
      openEmbeddedBus({
        file: inDataDir("bus.sqlite"),
        topics: topicSpecs(PARTITIONS),
        clock,
        random,
        synchronous: config.EMBEDDED_BUS_SYNCHRONOUS,
      }),
    (opened) => opened.close(),
  );
  const warehouse = bigQueryWarehouse({
    project: config.GCP_PROJECT_ID,
    location: config.BIGQUERY_LOCATION,
    endpoint: bigQuery.url,
  });
  const instance = (service: string) => `${service}-${random.uuid().slice(0, 8)}`;
  const shared = { bus, warehouse, clock, random, metrics: registry };

  const gatewayMeters = gatewayMetrics(registry);
  const gatewayLog = logOf("gateway");
  const gateway = await parts.start(
    "gateway",
    () =>
      openGateway({
        ...shared,
        sealing: hpkeSealing,
        database: inDataDir("gateway.sqlite"),
        instance: instance("gateway"),
        catalogue,
        platformDataset: config.PLATFORM_DATASET,
        log: gatewayLog,
        metrics: gatewayMeters,
      }),
    (opened) => opened.stop(),
  );
  await parts.start(
    "step-runner",
    () =>
      startStepRunner({
        ...shared,
        instance: instance("step-runner"),
        log: logOf("step-runner"),
        slots: config.RUNNER_SLOTS,
        flushMs: FLUSH_MS,
      }).then(exitOnFailure(log)),
    (service) => service.stop(),
  );
  await parts.start(
    "pipeline-service",
    () =>
      startPipelineService({
        ...shared,
        instance: instance("pipeline-service"),
        log: logOf("pipeline-service"),
        catalogue,
        project: config.GCP_PROJECT_ID,
        leaseMs: LEASE_MS,
        snapshotMs: SNAPSHOT_MS,
      }).then(exitOnFailure(log)),
    (service) => service.stop(),
  );
  await parts.start(
    "tenant-service",
    () =>
      startTenantService({
        ...shared,
        instance: instance("tenant-service"),
        log: logOf("tenant-service"),
        keys,
        sealing: hpkeSealing,
        tableShapes,
        platformDataset: config.PLATFORM_DATASET,
        defaultTier: "ENTERPRISE",
      }).then(exitOnFailure(log)),
    (service) => service.stop(),
  );
  const app = httpApp(gateway, {
    adminKey: admin.key,
    // Who gave an admin key may have put the gateway behind a proxy, whose requests all come from this machine.
    openOnboarding: isLoopback(config.HOST) && config.ADMIN_API_KEY === undefined,
    clock,
    random,
    log: gatewayLog,
    metrics: gatewayMeters,
    exposition: registry,
    version,
  });
  const http = await parts.start(
    "HTTP",
    () => serve(app, config.HOST, config.PORT),
    (server) => server.close(),
  );
  await gateway.ready;
  return {
    gatewayUrl: `http://${urlHost(config.HOST)}:${http.port}`,
    bigQueryUrl: bigQuery.url,
    project: config.GCP_PROJECT_ID,
    dataDir: dataDir.path,
    adminKeyFile: admin.file,
  };
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function urlHost(host: string): string {
  if (host === "127.0.0.1") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

/** A service whose reading ends by a fault takes the process with it: a restart is clean, a half service is not. */
function exitOnFailure(log: Logger): <S extends { failed: Promise<never> }>(service: S) => S {
  return (service) => {
    service.failed.catch((error: unknown) => {
      log.fatal({ err: error }, "a service failed");
      process.exit(1);
    });
    return service;
  };
}
