/**
 * `node scripts/run.mjs cli/recorded/record.ts`, once a release: records what it stores, for the tests of all later ones
 * (cli/recorded.test.ts). A folder that was committed with a release is never changed; that of one that is not released
 * yet is recorded anew where its schemas change. Keys and key ring in it are of that platform alone, which is gone.
 *
 * - bus.sqlite, gateway.sqlite, ...: the data folder of a platform that ran, without the warehouse. A tenant with two
 *   keys, one of them revoked, and runs that ended; one run is open, in a snapshot, and a command is not decided yet.
 * - recorded.json: what the platform answered then, and the states that were folded from the log.
 * - messages.ndjson: a record of every type.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type EmbeddedBus, openEmbeddedBus } from "@convergence/bus";
import { encode, fingerprintOf, MESSAGE_TYPES, type SubmitRun, topicSpecs } from "@convergence/contracts";
import { compile, readSchemas } from "@convergence/contracts/schemas.ts";
import { loadCatalogue } from "@convergence/pipeline";
import { startPipelineService } from "@convergence/pipeline-service";
import { logger, metrics, systemClock, systemRandom } from "@convergence/runtime";
import { call, eventually, onboard, tenantClient } from "../testing/http.ts";
import { freshPlace, startPlatform } from "../testing/platform.ts";
import { FILES, PARTITIONS, type Recorded, statesOf } from "./states.ts";

const root = path.dirname(path.dirname(import.meta.dirname));
const TENANT = "Recorded_1";

interface Answers extends Pick<Recorded, "key" | "revokedKey" | "runs" | "customer"> {}

/** What a tenant does, and what it is answered. */
async function liveThrough(url: string): Promise<Answers> {
  const key = await onboard(url, TENANT);
  const client = tenantClient(url, TENANT, key);
  const keys = `${url}/api/v1/customers/${TENANT}/api-keys`;
  const issued = await call(keys, "POST", {}, { "X-API-Key": key });
  await call(`${keys}/${issued.body.key_id}`, "DELETE", undefined, { "X-API-Key": key });
  const ids: unknown[] = [];
  const traced = {
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    tracestate: "a=1",
  };
  for (const [template, body, headers] of [
    ["gcp/example/noop", {}, { "Idempotency-Key": "recorded", ...traced }],
    ["gcp/example/noop", { note: "Zürich ✓" }, {}],
    // There is no table `billing`: it fails.
    ["gcp/cost/bill-sample-export-template", { date: "2025-11-15" }, {}],
  ] as const)
    ids.push((await client.run(template, body, headers)).body.pipeline_logging_id);
  const runs: Record<string, unknown>[] = [];
  for (const id of ids) runs.push((await client.finished(id)).body);
  const { body: customer } = await client.get(`/api/v1/customers/${TENANT}`);
  return { key, revokedKey: String(issued.body.api_key), runs, customer };
}

function submit(run_id: string): SubmitRun {
  const at = systemClock.now();
  const meta = { command_id: systemRandom.uuid(), tenant_id: TENANT.toLowerCase(), at, sent_by: "recorder" };
  const template = { provider: "gcp", domain: "example", template: "noop" };
  const asked = { parameters: "{}", trigger_by: "recorder", trigger_type: "api" as const };
  return {
    type: "SubmitRun",
    resume: null,
    tenant_version: 0,
    meta,
    run_id,
    ...template,
    ...asked,
    idempotency: null,
  };
}

/** Leaves a run open, in a snapshot, and another one undecided. */
async function leaveOpen(bus: EmbeddedBus): Promise<Pick<Recorded, "openRun" | "undecidedRun">> {
  const [openRun, undecidedRun] = [systemRandom.uuid(), systemRandom.uuid()];
  const send = (command: SubmitRun) =>
    bus.append([{ topic: "run.commands", key: command.meta.tenant_id, value: encode(command) }]);
  const log = logger({ level: "error", service: "recorder" });
  const service = await startPipelineService({
    bus,
    clock: systemClock,
    random: systemRandom,
    instance: "recorder",
    log,
    metrics: metrics(),
    catalogue: await loadCatalogue(path.join(root, "configs")),
    project: "gac-prod-471220",
    leaseMs: 30_000,
    snapshotMs: 60_000,
  });
  const partition = bus.partitionOf("run.events", TENANT.toLowerCase());
  const end = async () => (await bus.ends("run.events")).get(partition)?.end ?? 0;
  const before = await end();
  await send(submit(openRun));
  await eventually(end, (now) => now > before + 1);
  await service.stop();
  await send(submit(undecidedRun));
  return { openRun, undecidedRun };
}

/** A record of every type, with whatever values its schema allows. */
function messages(): string {
  const schemas = compile(readSchemas());
  return MESSAGE_TYPES.map((type) => {
    const schema = schemas.get(type);
    if (schema === undefined) throw new Error(`no schema of ${type}`);
    const message: object = schema.random();
    const head = Buffer.from(`c301${fingerprintOf(type)}`, "hex");
    const record = Buffer.concat([head, schema.toBuffer(message)]).toString("base64");
    return `${JSON.stringify({ type, record, message })}\n`;
  }).join("");
}

const { version }: { version: string } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const folder = path.join(import.meta.dirname, version);
const place = await freshPlace();
const platform = await startPlatform(place);
const answers = await liveThrough(platform.url).finally(() => platform.end("SIGTERM"));
const bus = openEmbeddedBus({
  file: path.join(place.dataDir, "bus.sqlite"),
  topics: topicSpecs(PARTITIONS),
  clock: systemClock,
  random: systemRandom,
});
const left = await leaveOpen(bus);
await bus.close();
mkdirSync(folder, { recursive: true });
for (const file of FILES) {
  if (existsSync(`${path.join(place.dataDir, file)}-wal`)) throw new Error(`${file} was not closed clean`);
  copyFileSync(path.join(place.dataDir, file), path.join(folder, file));
}
const states = await statesOf(path.join(place.dataDir, "bus.sqlite"));
const recorded: Recorded = { tenant: TENANT, ...answers, ...left, states };
writeFileSync(path.join(folder, "recorded.json"), `${JSON.stringify(recorded, null, 1)}\n`);
writeFileSync(path.join(folder, "messages.ndjson"), messages());
await place.remove();
console.log(`recorded ${version}: ${folder}`);
