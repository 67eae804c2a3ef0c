/**
 * `npm run service -- gateway | tenant-service | pipeline-service | step-runner`: one service as a process of its own,
 * over Kafka. Configured by environment variables alone; services may be started in any order.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { type KeyEncryption, localKeyRing } from "@convergence/keys";
import {
  type Config,
  fatal,
  type Lifecycle,
  logger,
  metrics,
  openDataDir,
  operatorServer,
  processMetrics,
  type ReadyChecks,
  readConfig,
  runUntilSignal,
  systemClock,
  systemRandom,
} from "@convergence/runtime";
import { bigQueryWarehouse } from "@convergence/warehouse";
import { kafkaBus, kafkaIsThere, required } from "./kafka-bus.ts";
import {
  gatewayPart,
  lagPart,
  loadTemplates,
  pipelinePart,
  runnerPart,
  type Shared,
  tenantPart,
} from "./services.ts";

const SERVICES = ["gateway", "tenant-service", "pipeline-service", "step-runner"] as const;
type Service = (typeof SERVICES)[number];

const root = path.dirname(import.meta.dirname);
const { version }: { version: string } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

/** Starts one service with all that it needs, and the operator's port. */
async function start(service: Service, config: Config, parts: Lifecycle): Promise<void> {
  const logOf = (name: string) => logger({ level: config.LOG_LEVEL, service: name });
  const registry = metrics();
  processMetrics(registry, version);
  const ready = { service: false };
  const checks: ReadyChecks = { [service]: () => ready.service };
  await parts.start(
    "operator's port",
    () => operatorServer(config.HOST, config.OPERATOR_PORT, registry, checks),
    (server) => server.close(),
  );
  const bus = await parts.start(
    "bus",
    () => kafkaBus(config, service, logOf("kafka")),
    (opened) => opened.close(),
  );
  bus.failed.catch((error: unknown) => fatal(error, logOf("kafka")));
  const shared = { config, bus, metrics: registry, version, parts, logOf };
  await lagPart(shared);
  await startService(service, shared);
  ready.service = true;
  logOf(service).info({ version }, "ready");
}

async function startService(service: Service, shared: Shared): Promise<void> {
  const { config } = shared;
  // A gateway serves from its file where Kafka is away.
  if (service !== "gateway") await kafkaIsThere(shared.bus);
  switch (service) {
    case "gateway": {
      const dataDir = await dataFolder(shared);
      await gatewayPart(shared, {
        database: path.join(dataDir, "gateway.sqlite"),
        catalogue: await loadTemplates(shared),
        adminKey: required(config.ADMIN_API_KEY, "ADMIN_API_KEY", "16 or more random characters"),
        openOnboarding: false,
        // A gateway has no credentials for Google's BigQuery.
        warehouse: config.BIGQUERY_ENDPOINT === undefined ? null : warehouse(config),
        metricsOnPort: false,
      });
      return;
    }
    case "tenant-service":
      await tenantPart(shared, warehouse(config), await keyEncryption(shared));
      return;
    case "pipeline-service":
      await pipelinePart(shared, await loadTemplates(shared));
      return;
    case "step-runner":
      await runnerPart(shared, warehouse(config), await keyEncryption(shared));
      return;
  }
}

async function dataFolder({ config, parts }: Shared): Promise<string> {
  const opened = await parts.start(
    "data folder",
    () => openDataDir(config.CONVERGENCE_DATA_DIR, systemRandom),
    (dir) => dir.close(),
  );
  return opened.path;
}

/** Cloud KMS where a key of it is named; its client, a second's work to load, is loaded there alone. */
async function keyEncryption(shared: Shared): Promise<KeyEncryption> {
  const { KMS_KEY_NAME: keyName, KMS_ENDPOINT: endpoint = null } = shared.config;
  if (keyName === undefined) return localKeyRing(await keyRingFile(shared), systemRandom);
  const { cloudKms } = await import("@convergence/keys/cloud-kms/index.ts");
  return shared.parts.start(
    "Cloud KMS",
    async () => cloudKms({ keyName, endpoint, clock: systemClock, random: systemRandom }),
    (kms) => kms.close(),
  );
}

async function keyRingFile(shared: Shared): Promise<string> {
  return shared.config.KEY_RING_FILE ?? path.join(await dataFolder(shared), "keys.json");
}

function warehouse(config: Config) {
  const { GCP_PROJECT_ID: project, BIGQUERY_LOCATION: location, BIGQUERY_ENDPOINT: endpoint } = config;
  return bigQueryWarehouse({ project, location, ...(endpoint === undefined ? {} : { endpoint }) });
}

function isService(name: string | undefined): name is Service {
  return SERVICES.some((service) => service === name);
}

const name = process.argv[2];
if (!isService(name)) {
  console.error(`usage: npm run service -- ${SERVICES.join(" | ")}`);
  process.exit(2);
}
const boot = logger({ level: "error", service: name });
let config: Config;
try {
  config = readConfig(process.env);
} catch (error) {
  fatal(error, boot);
}
await runUntilSignal(logger({ level: config.LOG_LEVEL, service: name }), (parts) =>
  start(name, config, parts),
);
