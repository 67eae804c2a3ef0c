/** k8s/ agrees with itself, with the image and with what the program reads. `kubectl kustomize` is not needed. */
import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readConfig } from "@convergence/runtime";
import { z } from "zod";
import { assertVariables, read, root, SERVICES, stages, version, yaml } from "./deployment-files.ts";
import { labels, literals, manifests, NAME, overlay, PART_OF, workload } from "./kubernetes-files.ts";

const PRODUCTION = "k8s/overlays/production";
const base = manifests("k8s/base");
const ofKind = (kind: string) => base.filter((found) => found.kind === kind);
const deployments = ofKind("Deployment").map(({ metadata, spec }) => ({
  name: metadata.name,
  ...workload.parse(spec),
}));
const [embedded] = manifests("k8s/embedded")
  .filter(({ kind }) => kind === "StatefulSet")
  .map(({ metadata, spec }) => ({ name: metadata.name, ...workload.parse(spec) }));
assert.ok(embedded);
const pods = [...deployments, embedded].map(({ name, template, volumeClaimTemplates }) => ({
  name,
  spec: template.spec,
  container: template.spec.containers[0],
  claims: volumeClaimTemplates.map(({ metadata }) => metadata.name),
}));

/** What the image of a container sets. */
function imageOf(image: string) {
  const target = new RegExp(`^convergence-(.+):${version}$`).exec(image)?.[1] ?? "";
  const stage = stages().get(target);
  assert.ok(stage, `${image} is no target of the Dockerfile in this version`);
  return stage;
}

test("every file of k8s/ is a resource or a patch of its kustomization, and nothing else is named", () => {
  for (const folder of ["k8s/base", "k8s/embedded", PRODUCTION]) {
    const { resources, patches } = overlay(folder);
    const named = [...resources, ...patches.map(({ path: file }) => file)];
    const files = globSync(`${folder}/*.yaml`, { cwd: root }).map((file) => path.basename(file));
    assert.deepEqual(
      [...named.filter((name) => name.endsWith(".yaml")), "kustomization.yaml"].sort(),
      files.sort(),
      folder,
    );
    for (const name of named) assert.ok(existsSync(path.join(root, folder, name)), `${folder}: ${name}`);
  }
});

test("each service has its Deployment, Service, ServiceAccount and PodDisruptionBudget, about its own pods", () => {
  assert.deepEqual(deployments.map(({ name }) => name).sort(), [...SERVICES].sort());
  for (const { name, selector, template } of deployments) {
    assert.deepEqual(selector.matchLabels, { [NAME]: name });
    assert.deepEqual(template.metadata.labels, { [NAME]: name, [PART_OF]: "convergence" });
    assert.equal(template.spec.serviceAccountName, name);
    const account = ofKind("ServiceAccount").find(({ metadata }) => metadata.name === name);
    assert.equal(account?.automountServiceAccountToken, false, name);
    const budget = ofKind("PodDisruptionBudget").find(({ metadata }) => metadata.name === name);
    assert.deepEqual(budget?.spec, { maxUnavailable: 1, selector: { matchLabels: { [NAME]: name } } });
    const service = z
      .object({
        selector: labels,
        ports: z.array(z.object({ name: z.string(), port: z.int(), targetPort: z.string() })),
      })
      .parse(ofKind("Service").find(({ metadata }) => metadata.name === name)?.spec);
    assert.deepEqual(service.selector, { [NAME]: name });
    assert.deepEqual(
      service.ports.map(({ targetPort, port }) => ({ name: targetPort, containerPort: port })),
      template.spec.containers[0].ports,
    );
  }
  assert.equal(ofKind("Namespace")[0]?.metadata.labels?.["pod-security.kubernetes.io/enforce"], "restricted");
});

test("containers run this version's images, with variables that the program takes, on the image's ports", () => {
  for (const { name, container: found } of pods) {
    const stage = imageOf(found.image);
    const fromMaps = found.envFrom.map(({ configMapRef }) => configMapRef.name);
    const generated = overlay("k8s/base").configMapGenerator.map((generator) => generator.name);
    assert.deepEqual(fromMaps, name === "convergence" ? [] : generated);
    const { NODE_ENV, ...image } = stage.env;
    const set = {
      ...image,
      ...(fromMaps.length > 0 ? literals("k8s/base") : {}),
      ...Object.fromEntries(found.env.map((env) => [env.name, env.value ?? "a-secret-of-some-length"])),
    };
    assert.equal(NODE_ENV, "production");
    assertVariables(Object.keys(set), name);
    const config = readConfig(set);
    assert.equal(config.ADMIN_API_KEY !== undefined, name === "gateway" || name === "convergence", name);
    assert.equal(config.KAFKA_BROKERS !== undefined, name !== "convergence", name);
    const ports = found.ports.map(({ containerPort }) => containerPort);
    assert.deepEqual(
      [...ports].sort(),
      stage.exposed.filter((port) => port !== config.LOCAL_BIGQUERY_PORT).sort(),
      name,
    );
  }
});

test("probes ask the operator's port, the embedded form's the gateway's", () => {
  const routes = {
    operator: read("libs/runtime/operator-server.ts"),
    http: read("services/gateway/http/health.ts"),
  };
  for (const { name, container: found } of pods) {
    const port = name === "convergence" ? "http" : "operator";
    assert.ok(found.ports.some((one) => one.name === port));
    assert.equal(found.livenessProbe.httpGet.path, "/health/live", name);
    assert.equal(found.readinessProbe.httpGet.path, "/health/ready", name);
    for (const { httpGet } of [found.startupProbe, found.livenessProbe, found.readinessProbe]) {
      assert.equal(httpGet.port, port, name);
      assert.ok(routes[port].includes(`"${httpGet.path}"`), httpGet.path);
    }
  }
});

test("what is mounted is a volume of the pod; /tmp and the image's data folder can be written", () => {
  for (const { name, spec, container: found, claims } of pods) {
    const volumes = [...claims, ...spec.volumes.map((volume) => volume.name)];
    assert.deepEqual(found.volumeMounts.map((mount) => mount.name).sort(), volumes.sort(), name);
    const paths = found.volumeMounts.map(({ mountPath }) => mountPath);
    assert.ok(paths.includes("/tmp"), name);
    assert.equal(paths.includes("/data"), name === "gateway" || name === "convergence", name);
    const ring = found.env.find((env) => env.name === "KEY_RING_FILE")?.value;
    assert.equal(ring !== undefined, name === "tenant-service" || name === "step-runner");
    if (ring !== undefined) assert.ok(paths.includes(path.dirname(ring)), ring);
  }
});

test("secrets that are named are those that k8s/README.md makes, with their keys", () => {
  const made = [
    ...read("k8s/README.md").matchAll(/create secret generic (\S+)((?:[^\n]*\\\n)*[^\n]*)/g),
  ].flatMap(([, name = "", rest = ""]) =>
    [...rest.matchAll(/--from-(?:literal|file)=([\w.]+)/g)].map(([, key = ""]) => `${name}/${key}`),
  );
  const login = z
    .tuple([z.object({ value: z.object({ secretRef: z.strictObject({ name: z.string() }) }) })])
    .parse(yaml(`${PRODUCTION}/kafka-login.yaml`))[0].value.secretRef.name;
  const named = pods.flatMap(({ spec, container: found }) => [
    ...found.env.flatMap(({ valueFrom }) =>
      valueFrom === undefined ? [] : [`${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}`],
    ),
    ...spec.volumes.flatMap(({ secret }) =>
      secret === undefined
        ? []
        : [
            `${secret.secretName}/${path.basename(found.env.find((env) => env.name === "KEY_RING_FILE")?.value ?? "")}`,
          ],
    ),
  ]);
  const fromKafka = ["KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME"].map((key) => `${login}/${key}`);
  assert.deepEqual([...new Set([...named, ...fromKafka])].sort(), [...new Set(made)].sort());
});

test("NetworkPolicies deny all, then let in and out by labels and ports that pods have", () => {
  const peerPort = z.object({ port: z.union([z.string(), z.int()]) });
  const policy = z.object({
    podSelector: z.strictObject({
      matchLabels: labels.optional(),
      matchExpressions: z
        .tuple([
          z.strictObject({ key: z.literal(NAME), operator: z.literal("In"), values: z.array(z.string()) }),
        ])
        .optional(),
    }),
    policyTypes: z.array(z.enum(["Ingress", "Egress"])),
    ingress: z.array(z.object({ from: z.array(z.object({})).min(1), ports: z.array(peerPort) })).default([]),
    egress: z.array(z.object({ to: z.array(z.object({})).min(1), ports: z.array(peerPort) })).default([]),
  });
  const policies = new Map(
    ofKind("NetworkPolicy").map(({ metadata, spec }) => [metadata.name, policy.parse(spec)]),
  );
  assert.deepEqual(policies.get("default-deny"), {
    podSelector: {},
    policyTypes: ["Ingress", "Egress"],
    ingress: [],
    egress: [],
  });
  for (const [name, { podSelector, ingress }] of policies) {
    const { matchLabels = {}, matchExpressions } = podSelector;
    const selected = deployments.filter(
      ({ template }) =>
        Object.entries(matchLabels).every(([key, value]) => template.metadata.labels[key] === value) &&
        (matchExpressions ?? []).every(({ values }) => values.includes(template.metadata.labels[NAME] ?? "")),
    );
    for (const value of matchExpressions?.[0].values ?? [])
      assert.ok(
        SERVICES.some((known) => known === value),
        value,
      );
    assert.ok(selected.length > 0, name);
    for (const { port } of ingress.flatMap(({ ports }) => ports))
      for (const { template } of selected)
        assert.ok(
          template.spec.containers[0].ports.some((one) => one.name === port),
          `${name}: ${port}`,
        );
  }
  const egress = z.int().parse(policies.get("kafka")?.egress[0]?.ports[0]?.port);
  assert.ok(literals("k8s/base").KAFKA_BROKERS?.endsWith(`.kafka.svc.cluster.local:${egress}`));
});

test("the production overlay is about what the base has, and its settings are the program's", () => {
  const { images, replicas, patches, configMapGenerator } = overlay(PRODUCTION);
  assert.deepEqual(
    images.map(({ name, newTag }) => `${name}:${newTag}`).sort(),
    deployments.map(({ template }) => template.spec.containers[0].image).sort(),
  );
  assert.deepEqual(
    replicas.map(({ name }) => name).sort(),
    SERVICES.filter((name) => name !== "step-runner").sort(),
  );
  for (const { path: file, target } of patches) {
    const found = ofKind(target.kind).filter(
      ({ metadata }) => target.name === undefined || target.name.split("|").includes(metadata.name),
    );
    assert.equal(
      found.length,
      target.name === undefined ? SERVICES.length : target.name.split("|").length,
      file,
    );
  }
  const generated = overlay("k8s/base").configMapGenerator.map(({ name }) => name);
  for (const { name, behavior } of configMapGenerator)
    assert.ok(behavior === "merge" && generated.includes(name), name);
  const set = { ...literals("k8s/base"), ...literals(PRODUCTION) };
  assertVariables(Object.keys(set), PRODUCTION);
  const config = readConfig(set);
  assert.equal(config.BIGQUERY_ENDPOINT, undefined);
  assert.deepEqual([config.KAFKA_TLS, config.KAFKA_SASL_MECHANISM], ["on", "scram-sha-512"]);
  const [port] = z.tuple([z.object({ value: z.int() })]).parse(yaml(`${PRODUCTION}/kafka-port.yaml`));
  assert.ok(config.KAFKA_BROKERS?.endsWith(`:${port.value}`));
});

test("KEDA scales the step-runners up to what the partitions can share; Prometheus finds every pod", () => {
  const [scaled] = manifests(PRODUCTION).filter(({ kind }) => kind === "ScaledObject");
  const spec = z
    .object({
      scaleTargetRef: z.strictObject({ name: z.literal("step-runner") }),
      minReplicaCount: z.int().min(2),
      maxReplicaCount: z.int(),
      triggers: z.tuple([
        z.object({
          type: z.literal("prometheus"),
          metadata: z.object({ threshold: z.string(), query: z.string() }),
        }),
      ]),
    })
    .parse(scaled?.spec);
  const config = readConfig({ ...literals("k8s/base"), ...literals(PRODUCTION) });
  assert.ok(spec.maxReplicaCount <= config.KAFKA_PARTITIONS);
  assert.ok(Number(spec.triggers[0].metadata.threshold) <= config.RUNNER_SLOTS);
  const [monitor] = manifests(PRODUCTION).filter(({ kind }) => kind === "PodMonitor");
  assert.deepEqual(monitor?.spec, {
    jobLabel: NAME,
    selector: { matchLabels: { [PART_OF]: "convergence" } },
    podMetricsEndpoints: [{ port: "operator", path: "/metrics", interval: "15s" }],
  });
});

test("the embedded form is one pod, whose Service and NetworkPolicy are about the gateway's port alone", () => {
  assert.equal(embedded.replicas, 1);
  const [service] = manifests("k8s/embedded").filter(({ kind }) => kind === "Service");
  assert.equal(service?.metadata.name, embedded.name);
  assert.deepEqual(
    z.object({ selector: labels, ports: z.array(z.object({ targetPort: z.string() })) }).parse(service?.spec),
    { selector: embedded.selector.matchLabels, ports: [{ targetPort: "http" }] },
  );
  const [policy] = manifests("k8s/embedded").filter(({ kind }) => kind === "NetworkPolicy");
  assert.deepEqual(policy?.spec, {
    podSelector: { matchLabels: embedded.template.metadata.labels },
    policyTypes: ["Ingress"],
    ingress: [{ ports: [{ protocol: "TCP", port: "http" }] }],
  });
});
