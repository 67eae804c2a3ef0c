import path from "node:path";
import { openEmbeddedBus } from "@convergence/bus";
import { topicSpecs } from "@convergence/contracts";
import { localKeyRing } from "@convergence/keys";
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
import { bigQueryWarehouse } from "@convergence/warehouse";
import { adminKey } from "./admin-key.ts";
import { isLoopback, urlHost } from "./host.ts";
import { startLocalBigQueryThread } from "./local-bigquery.ts";
import {
  exitOnFailure,
  gatewayPart,
  lagPart,
  loadTemplates,
  pipelinePart,
  runnerPart,
  tenantPart,
} from "./services.ts";

/** Partitions of every topic of the embedded bus: one process owns them all, so a few suffice. */
const PARTITIONS = 4;

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
  const registry = metrics();
  processMetrics(registry, version);
  const dataDir = await parts.start(
    "data folder",
    () => openDataDir(config.CONVERGENCE_DATA_DIR, systemRandom),
    (dir) => dir.close(),
  );
  const inDataDir = (name: string) => path.join(dataDir.path, name);
  const admin = await adminKey(config, inDataDir("admin-key"), systemRandom);
  const keys = await localKeyRing(inDataDir("keys.json"), systemRandom);
  const catalogue = await loadTemplates({ config, logOf, parts });
  const bigQuery = await parts.start(
    "local BigQuery",
    () =>
      startLocalBigQueryThread({
        host: config.HOST,
        port: config.LOCAL_BIGQUERY_PORT,
        project: config.GCP_PROJECT_ID,
        file: inDataDir("bigquery.duckdb"),
        memoryMb: config.LOCAL_BIGQUERY_MEMORY_MB,
      }).then(exitOnFailure(logOf("local-bigquery"))),
    (server) => server.close(),
  );
  const bus = await parts.start(
    "bus",
    () =>
      openEmbeddedBus({
        file: inDataDir("bus.sqlite"),
        topics: topicSpecs(PARTITIONS),
        clock: systemClock,
        random: systemRandom,
        synchronous: config.EMBEDDED_BUS_SYNCHRONOUS,
      }),
    (opened) => opened.close(),
  );
  const shared = { config, bus, metrics: registry, version, parts, logOf };
  const warehouse = bigQueryWarehouse({
    project: config.GCP_PROJECT_ID,
    location: config.BIGQUERY_LOCATION,
    endpoint: bigQuery.url,
  });
  await lagPart(shared);
  await runnerPart(shared, warehouse, keys);
  await pipelinePart(shared, catalogue);
  await tenantPart(shared, warehouse, keys);
  const port = await gatewayPart(shared, {
    database: inDataDir("gateway.sqlite"),
    catalogue,
    metricsOnPort: true,
    warehouse,
    adminKey: admin.key,
    // Who gave an admin key may have put the gateway behind a proxy, whose requests all come from this machine.
    openOnboarding: isLoopback(config.HOST) && config.ADMIN_API_KEY === undefined,
  });
  return {
    gatewayUrl: `http://${urlHost(config.HOST)}:${port}`,
    bigQueryUrl: bigQuery.url,
    project: config.GCP_PROJECT_ID,
    dataDir: dataDir.path,
    adminKeyFile: admin.file,
  };
}
