/** Dockerfile and compose files agree with one another and with what the program reads. */
import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readConfig } from "@convergence/runtime";
import { z } from "zod";
import {
  assertVariables,
  read,
  root,
  SERVICES,
  type Stage,
  stages,
  version,
  yaml,
} from "./deployment-files.ts";

const TARGETS = [...SERVICES, "local-bigquery", "embedded"];
const built = stages();

function target(name: string): Stage {
  const found = built.get(name);
  assert.ok(found, `the Dockerfile has no target ${name}`);
  return found;
}

const health = z.object({
  test: z.tuple([z.literal("CMD"), z.string()]).rest(z.string()),
  interval: z.string(),
  retries: z.int(),
});
const service = z.strictObject({
  build: z.strictObject({ context: z.literal("."), target: z.string() }).optional(),
  image: z.string(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.literal("service_healthy") })).default({}),
  healthcheck: health.optional(),
  scale: z.int().default(1),
  read_only: z.boolean().default(false),
  tmpfs: z.tuple([z.literal("/tmp")]).optional(),
  cap_drop: z.tuple([z.literal("ALL")]),
  security_opt: z.tuple([z.literal("no-new-privileges:true")]),
  stop_grace_period: z.string(),
  restart: z.literal("unless-stopped"),
});
type Service = z.output<typeof service>;

const composed = z.object({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
});
const FILES = ["docker-compose.yml", "docker-compose.embedded.yml"] as const;
const compose = {
  platform: composed.parse(yaml(FILES[0])),
  embedded: composed.parse(yaml(FILES[1])),
};
/** Every service of both files that is built here. */
const own = Object.values(compose).flatMap(({ services }) =>
  Object.entries(services).flatMap(([name, found]) =>
    found.build === undefined ? [] : [{ name, found, stage: target(found.build.target) }],
  ),
);

/** A composed service's variables, `${NAME:-default}` by its default. */
function environment({ environment: set }: Service): Record<string, string> {
  return Object.fromEntries(
    Object.entries(set).map(([name, value]) => [name, value.replace(/^\$\{\w+:-(.+)\}$/, "$1")]),
  );
}

test("every target runs as node on the project's Node, with settings that the program takes", () => {
  const { dependencies } = z
    .object({ dependencies: z.object({ node: z.string() }) })
    .parse(JSON.parse(read("package.json")));
  const base = `node:${dependencies.node.split(".")[0]}-bookworm-slim`;
  const foreign = [...read("Dockerfile").matchAll(/^FROM (\S+) /gm)].filter(
    ([, from = ""]) => from !== base && !built.has(from),
  );
  assert.deepEqual(foreign, []);
  for (const name of TARGETS) {
    const { env, user, exposed } = target(name);
    const { NODE_ENV, ...settings } = env;
    assert.equal(NODE_ENV, "production", name);
    assert.equal(user, "node", name);
    assertVariables(Object.keys(settings), name);
    readConfig(settings);
    const ports = Object.entries(settings).filter(([variable]) => /(^|_)PORT$/.test(variable));
    assert.deepEqual([...exposed].sort(), ports.map(([, port]) => Number(port)).sort(), name);
  }
});

test("the image has every workspace's packages", () => {
  const copied = [...read("Dockerfile").matchAll(/^COPY (\S+\/package\.json) /gm)].map(
    ([, file = ""]) => file,
  );
  assert.deepEqual(copied.sort(), globSync("{libs,services}/*/package.json", { cwd: root }).sort());
});

test("every target starts what is there, keeps its data in /data, and asks its own port how it is", () => {
  for (const name of TARGETS) {
    const { command, env, volumes, healthcheck = "", exposed } = target(name);
    const [node, entry = "", argument] = command;
    assert.equal(node, "node");
    assert.ok(existsSync(path.join(root, entry)), `${name}: ${entry}`);
    const isService = SERVICES.some((known) => known === name);
    assert.equal(argument, isService ? name : undefined);
    for (const variable of ["CONVERGENCE_DATA_DIR", "LOCAL_BIGQUERY_DATA_DIR"])
      assert.match(env[variable] ?? "/data/", /^\/data\//);
    assert.deepEqual(volumes, name === "pipeline-service" ? [] : ["/data"], name);
    const asked = /process\.env\.(\w*PORT)/.exec(healthcheck)?.[1] ?? "";
    assert.ok(exposed.includes(Number(env[asked])), `${name}: ${asked}`);
    assert.ok(/\/health\/ready`|\/bigquery\/v2\/projects`/.test(healthcheck), name);
  }
  assert.match(
    read("cli/service.ts"),
    new RegExp(`SERVICES = ${JSON.stringify(SERVICES).replaceAll(",", ", ").replace(/[[\]]/g, "\\$&")}`),
  );
  assert.match(read("libs/runtime/operator-server.ts"), /case "\/health\/ready"/);
  assert.match(read("services/gateway/http/health.ts"), /app\.get\("\/health\/ready"/);
  assert.match(read("libs/local-bigquery/rest/server.ts"), /\["GET", "\/projects",/);
});

test("compose builds every target once, read-only, under this version", () => {
  assert.deepEqual(own.map(({ found }) => found.build?.target).sort(), [...TARGETS].sort());
  for (const { name, found } of own) {
    assert.equal(found.image, `convergence-${found.build?.target}:${version}`, name);
    assert.ok(found.read_only && found.tmpfs !== undefined, name);
    assert.ok(Number.parseInt(found.stop_grace_period, 10) > 10, `${name}: it stops within 10 s`);
  }
  assert.equal(compose.platform.services["step-runner"]?.scale, 2);
});

test("compose sets variables that the program takes, and what each service needs", () => {
  for (const { name, found, stage } of own) {
    assertVariables(Object.keys(found.environment), name);
    const config = readConfig({ ...stage.env, ...environment(found) });
    const kafka = SERVICES.some((known) => known === name);
    assert.equal(config.KAFKA_BROKERS !== undefined, kafka, name);
    assert.equal(
      config.BIGQUERY_ENDPOINT !== undefined,
      name === "tenant-service" || name === "step-runner",
      name,
    );
    assert.equal(config.ADMIN_API_KEY !== undefined, name === "gateway" || name === "convergence", name);
    if (config.ADMIN_API_KEY !== undefined)
      assert.ok(read("docs/OPERATIONS.md").includes(`X-Admin-Key: ${config.ADMIN_API_KEY}`));
  }
});

test("what a service is told to reach is a service of the same file, on a port of it, and waited for", () => {
  const { services } = compose.platform;
  for (const { name, found } of own) {
    const { KAFKA_BROKERS = "", BIGQUERY_ENDPOINT = "" } = environment(found);
    const reached = [KAFKA_BROKERS, BIGQUERY_ENDPOINT.replace("http://", "")].filter((at) => at !== "");
    assert.deepEqual(
      reached.map((at) => at.split(":")[0]).sort(),
      Object.keys(found.depends_on).sort(),
      name,
    );
    if (KAFKA_BROKERS !== "")
      assert.equal(services.kafka?.environment.KAFKA_ADVERTISED_LISTENERS, `PLAINTEXT://${KAFKA_BROKERS}`);
    if (BIGQUERY_ENDPOINT !== "") {
      const { env } = target("local-bigquery");
      const host = services["local-bigquery"]?.environment.HOST;
      assert.equal(BIGQUERY_ENDPOINT, `http://${host}:${env.LOCAL_BIGQUERY_PORT}`);
    }
  }
  for (const [name, { depends_on }] of Object.entries(services))
    for (const needed of Object.keys(depends_on)) {
      const there = services[needed];
      assert.ok(
        there?.healthcheck !== undefined || there?.build !== undefined,
        `${name} waits for ${needed}`,
      );
    }
});

test("ports are published to this machine alone, each once; volumes are declared and used, and files that are mounted there", () => {
  for (const { services, volumes } of Object.values(compose)) {
    const published = Object.values(services).flatMap(({ ports }) => ports);
    for (const port of published) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/);
    assert.equal(new Set(published).size, published.length);
    const sources = Object.values(services).flatMap((found) =>
      found.volumes.map((volume) => volume.split(":")[0] ?? ""),
    );
    const [files, named] = [true, false].map((isFile) =>
      sources.filter((source) => source.startsWith("./") === isFile),
    );
    assert.deepEqual([...new Set(named)].sort(), Object.keys(volumes).sort());
    for (const file of files ?? []) assert.ok(existsSync(path.join(root, file)), file);
  }
  for (const { name, found, stage } of own) {
    for (const port of found.ports) assert.ok(stage.exposed.includes(Number(port.split(":").at(-1))), name);
    assert.deepEqual(
      found.volumes.map((volume) => volume.split(":")[1]),
      stage.volumes,
      name,
    );
  }
});
