/**
 * `node scripts/run.mjs scripts/compose-check.ts`: docker-compose.yml as it is, but without Grafana, under a project name and
 * volumes of its own, removed at the end. A tenant is onboarded, runs complete: with all, with a step-runner less, and
 * after all were stopped and started again; Prometheus reaches every container. Takes ports 8080, 9050 and 9090.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { z } from "zod";
import { call, eventually, onboard, type TenantClient, tenantClient } from "../cli/testing/http.ts";

const root = path.dirname(import.meta.dirname);
const GATEWAY = "http://127.0.0.1:8080";
const PROMETHEUS = "http://127.0.0.1:9090";
const ADMIN_API_KEY = "development-admin-key";
const TENANT = "compose_check";
const SERVICES = [
  "kafka",
  "local-bigquery",
  "gateway",
  "tenant-service",
  "pipeline-service",
  "step-runner",
  "prometheus",
];
/** Containers to scrape: one of each service, two step-runners. */
const TARGETS = ["gateway", "pipeline-service", "step-runner", "step-runner", "tenant-service"];
/** Submitted at once before something is stopped; a page of runs holds 200 at most. */
const RUNS = 80;
const READY_MS = 180_000;

/** Compose as a plugin of docker, else the older program. */
const COMPOSE =
  spawnSync("docker", ["compose", "version"]).status === 0 ? ["docker", "compose"] : ["docker-compose"];

function compose(...args: string[]): void {
  const [program = "", ...first] = COMPOSE;
  console.log(`$ ${COMPOSE.join(" ")} ${args.join(" ")}`);
  const { status } = spawnSync(program, [...first, "-p", "convergence-check", ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ADMIN_API_KEY },
  });
  assert.equal(status, 0, args.join(" "));
}

async function up(): Promise<void> {
  compose("up", "-d", ...SERVICES);
  await eventually(
    () => call(`${GATEWAY}/health/ready`).catch(() => null),
    (answer) => answer?.status === 200,
    READY_MS,
  );
}

async function submit(client: TenantClient, runs: number): Promise<unknown[]> {
  const answers = await Promise.all(Array.from({ length: runs }, () => client.run("gcp/example/noop")));
  return answers.map(({ status, body }) => {
    assert.equal(status, 200, JSON.stringify(body));
    return body.pipeline_logging_id;
  });
}

async function complete(client: TenantClient, ids: unknown[]): Promise<void> {
  const begun = Date.now();
  for (const id of ids) {
    const { body } = await eventually(
      () => client.finished(id),
      ({ body: run }) => run.status !== "PENDING" && run.status !== "RUNNING",
      60_000,
    );
    assert.equal(body.status, "COMPLETE", JSON.stringify(body));
  }
  console.log(`${ids.length} runs COMPLETE, waited for ${Date.now() - begun} ms`);
}

const targets = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ labels: z.object({ job: z.string() }), health: z.string() })),
  }),
});

async function allScraped(): Promise<void> {
  await eventually(
    async () => {
      const { body } = await call(`${PROMETHEUS}/api/v1/targets?state=active`);
      return targets.parse(body).data.activeTargets.filter(({ health }) => health === "up");
    },
    (found) => String(found.map(({ labels }) => labels.job).sort()) === String(TARGETS),
    60_000,
  );
  console.log("Prometheus reaches every container");
}

/** What a check that was cut off left behind, volumes too, would answer for this one's tenant. */
function clear(): void {
  compose("down", "--volumes", "--timeout", "15");
}

try {
  clear();
  compose("build", ...SERVICES.filter((name) => name !== "kafka" && name !== "prometheus"));
  await up();
  const key = await onboard(GATEWAY, TENANT, { "X-Admin-Key": ADMIN_API_KEY });
  const client = tenantClient(GATEWAY, TENANT, key);
  const ids = await submit(client, 20);
  await complete(client, ids);
  await allScraped();
  // One step-runner goes, with steps in flight; then all go, with runs that nobody has waited for.
  ids.push(...(await submit(client, RUNS)));
  compose("up", "-d", "--no-build", "--scale", "step-runner=1", ...SERVICES);
  await complete(client, ids);
  ids.push(...(await submit(client, RUNS)));
  compose("stop");
  await up();
  await complete(client, ids);
  const { body } = await client.get("/api/v1/pipelines/runs?limit=200");
  const listed = z.array(z.object({ status: z.string() })).parse(body.runs);
  assert.ok(
    listed.length >= ids.length && listed.every(({ status }) => status === "COMPLETE"),
    "runs were lost",
  );
  console.log("docker-compose.yml works");
} finally {
  clear();
}
