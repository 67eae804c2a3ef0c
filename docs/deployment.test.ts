/** Dockerfile, docker-compose.yml and k8s/ agree with one another and with what the program reads. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readConfig } from "@convergence/runtime";
import { configMarkdown } from "@convergence/runtime/config.ts";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { codeSpans, rows } from "./markdown.ts";

const root = path.dirname(import.meta.dirname);
const KNOWN = new Set(rows(configMarkdown(), "variable").flatMap(([name = ""]) => codeSpans(name)));

function read(file: string): string {
  return readFileSync(path.join(root, file), "utf8");
}

/** The one document of a YAML file; a key twice, or any other fault, fails. */
function yaml(file: string): unknown {
  const [document, more] = parseAllDocuments(read(file), { strict: true });
  assert.ok(document !== undefined && more === undefined && "errors" in document, file);
  assert.deepEqual([...document.errors, ...document.warnings], [], file);
  return document.toJS();
}

const manifest = z
  .object({ version: z.string(), dependencies: z.object({ node: z.string() }) })
  .parse(JSON.parse(read("package.json")));
const image = `convergence:${manifest.version}`;
const dockerfile = read("Dockerfile");

/** The variables that the image sets. */
const imageEnv = Object.fromEntries(
  [...dockerfile.matchAll(/^(?:ENV | {4})([A-Z_]+)=(\S+)/gm)].map(([, name = "", value = ""]) => [
    name,
    value,
  ]),
);

const compose = z
  .object({
    services: z.object({
      convergence: z.object({
        image: z.literal(image),
        environment: z.record(z.string(), z.string()),
        ports: z.array(z.string()),
        volumes: z.array(z.string()),
      }),
    }),
    volumes: z.object({ data: z.null() }),
  })
  .parse(yaml("docker-compose.yml")).services.convergence;

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.literal("http") }) });
const labels = z.object({ "app.kubernetes.io/name": z.literal("convergence") });
const container = z.object({
  image: z.literal(image),
  env: z.array(
    z.object({
      name: z.string(),
      value: z.string().optional(),
      valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).optional(),
    }),
  ),
  ports: z.array(z.object({ name: z.string(), containerPort: z.int() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal("ALL")]) }),
  }),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
});
const statefulSet = z
  .object({
    kind: z.literal("StatefulSet"),
    spec: z.object({
      serviceName: z.string(),
      replicas: z.literal(1),
      selector: z.object({ matchLabels: labels }),
      template: z.object({
        metadata: z.object({ labels }),
        spec: z.object({
          securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.literal(1000) }),
          containers: z.tuple([container]),
          volumes: z.array(z.object({ name: z.string() })),
        }),
      }),
      volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })),
    }),
  })
  .parse(yaml("k8s/base/statefulset.yaml")).spec;
const [pod] = statefulSet.template.spec.containers;

test("the image has the Node that the project runs on, every workspace, and settings that the program takes", () => {
  assert.match(dockerfile, new RegExp(`^FROM node:${manifest.dependencies.node.split(".")[0]}-slim$`, "m"));
  const copied = [...dockerfile.matchAll(/^COPY (\S+\/package\.json) /gm)].map(([, file = ""]) => file);
  assert.deepEqual(copied.sort(), globSync("{libs,services}/*/package.json", { cwd: root }).sort());
  const { NODE_ENV, ...settings } = imageEnv;
  assert.equal(NODE_ENV, "production");
  assert.deepEqual(
    Object.keys(settings).filter((name) => !KNOWN.has(name)),
    [],
  );
  const config = readConfig(settings);
  assert.match(dockerfile, new RegExp(`^EXPOSE ${config.PORT} ${config.LOCAL_BIGQUERY_PORT}$`, "m"));
  assert.match(config.CONVERGENCE_DATA_DIR, /^\/data\//);
  assert.match(dockerfile, /^USER node$/m);
});

test("compose sets variables that the program takes, and publishes to this machine alone", () => {
  assert.deepEqual(
    Object.keys(compose.environment).filter((name) => !KNOWN.has(name)),
    [],
  );
  const key = /^\$\{ADMIN_API_KEY:-(.+)\}$/.exec(compose.environment.ADMIN_API_KEY ?? "")?.[1];
  const config = readConfig({ ...imageEnv, ADMIN_API_KEY: key });
  assert.ok(read("docs/OPERATIONS.md").includes(`X-Admin-Key: ${key}`), "the development key is documented");
  assert.deepEqual(
    compose.ports,
    [config.PORT, config.LOCAL_BIGQUERY_PORT].map((port) => `127.0.0.1:${port}:${port}`),
  );
  assert.deepEqual(compose.volumes, ["data:/data"]);
});

test("the StatefulSet gives the program variables that it takes, its secret, and a volume", () => {
  assert.deepEqual(
    pod.env.map(({ name }) => name).filter((name) => !KNOWN.has(name)),
    [],
  );
  const secret = pod.env.find(({ name }) => name === "ADMIN_API_KEY")?.valueFrom?.secretKeyRef;
  assert.deepEqual(secret, { name: "convergence-admin", key: "ADMIN_API_KEY" });
  assert.match(
    read("k8s/README.md"),
    /create secret generic convergence-admin --from-literal=ADMIN_API_KEY=/,
  );
  readConfig({
    ...imageEnv,
    ...Object.fromEntries(pod.env.map(({ name, value }) => [name, value])),
    ADMIN_API_KEY: "x".repeat(16),
  });
  const volumes = [
    ...statefulSet.volumeClaimTemplates.map(({ metadata }) => metadata),
    ...statefulSet.template.spec.volumes,
  ];
  for (const { name } of pod.volumeMounts)
    assert.ok(
      volumes.some((volume) => volume.name === name),
      name,
    );
  assert.ok(pod.volumeMounts.some(({ mountPath }) => mountPath === "/data"));
});

test("probes ask what the gateway answers, on its port", () => {
  const routes = read("services/gateway/http/health.ts");
  for (const { httpGet } of [pod.startupProbe, pod.livenessProbe, pod.readinessProbe]) {
    assert.ok(routes.includes(`app.get("${httpGet.path}"`), httpGet.path);
  }
  assert.equal(pod.livenessProbe.httpGet.path, "/health/live");
  assert.equal(pod.readinessProbe.httpGet.path, "/health/ready");
  assert.deepEqual(pod.ports, [{ name: "http", containerPort: Number(imageEnv.PORT) }]);
});

test("Kustomize's resources are there; Service and NetworkPolicy are about the pod's gateway port alone", () => {
  const { resources } = z
    .object({ resources: z.array(z.string()) })
    .parse(yaml("k8s/base/kustomization.yaml"));
  const files = globSync("k8s/base/*.yaml", { cwd: root }).map((file) => path.basename(file));
  assert.deepEqual([...resources, "kustomization.yaml"].sort(), files.sort());
  const service = z
    .object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({
        selector: labels,
        ports: z.tuple([z.object({ port: z.literal(Number(imageEnv.PORT)), targetPort: z.literal("http") })]),
      }),
    })
    .parse(yaml("k8s/base/service.yaml"));
  assert.equal(service.metadata.name, statefulSet.serviceName);
  z.object({
    spec: z.object({
      podSelector: z.object({ matchLabels: labels }),
      policyTypes: z.tuple([z.literal("Ingress")]),
      ingress: z.tuple([z.object({ ports: z.tuple([z.object({ port: z.literal("http") })]) })]),
    }),
  }).parse(yaml("k8s/base/networkpolicy.yaml"));
});
