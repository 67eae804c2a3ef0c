/** monitoring/ and the ScaledObject ask for metrics, labels and jobs that there are. */
import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { metrics, processMetrics } from "@convergence/runtime";
import { z } from "zod";
import { read, root, SERVICES, stages, yaml } from "./deployment-files.ts";
import { manifests } from "./kubernetes-files.ts";
import { codeSpans, rows } from "./markdown.ts";

/** The names of all series: those that the code registers, those of every process, and Prometheus' `up`. */
async function series(): Promise<Set<string>> {
  const registry = metrics();
  processMetrics(registry, "0.0.0");
  const ofProcesses = (await registry.registry.getMetricsAsJSON()).map(({ name, type }) => ({
    name,
    histogram: String(type) === "histogram",
  }));
  const registered = globSync(["services/**/*.ts", "libs/**/*.ts"], { cwd: root })
    .filter((file) => !/\.test\.ts$|\/testing\//.test(file))
    .flatMap((file) => [...read(file).matchAll(/\.(counter|gauge|histogram)\(\s*"(convergence_\w+)"/g)])
    .map(([, kind, name = ""]) => ({ name, histogram: kind === "histogram" }));
  assert.ok(registered.length > 10 && ofProcesses.length > 10);
  const suffixes = ["_bucket", "_sum", "_count"];
  return new Set([
    "up",
    ...[...ofProcesses, ...registered].flatMap(({ name, histogram }) =>
      histogram ? suffixes.map((suffix) => name + suffix) : [name],
    ),
  ]);
}

/** The labels that OPERATIONS.md tells of, and those of the scrape and of histograms. */
const LABELS = new Set([
  "job",
  "instance",
  "le",
  ...rows(read("docs/OPERATIONS.md"), "metric").flatMap(([, names = ""]) =>
    names.split(", ").filter((name) => name !== ""),
  ),
]);

const WORDS = new Set(["by", "without", "on", "ignoring", "and", "or", "unless", "offset"]);

/** What a PromQL expression asks for. */
function asked(expression: string): { names: string[]; labels: string[] } {
  const text = expression.replaceAll(/"[^"]*"/g, '""');
  const matchers = [...text.matchAll(/\{([^}]*)\}/g)].map(([, inside = ""]) => inside);
  const groups = [...text.matchAll(/\b(?:by|without|on|ignoring) ?\(([^)]*)\)/g)];
  const labels = [
    ...matchers.flatMap((inside) =>
      [...inside.matchAll(/(\w+) ?(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
    ),
    ...groups.flatMap(([, list = ""]) => list.split(",").map((label) => label.trim())),
  ];
  const bare = text
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, "")
    .replaceAll(/\b(?:by|without|on|ignoring) ?\([^)]*\)/g, "");
  const names = [...bare.matchAll(/(?<![\w.])[a-z_]\w*(?! *\()\b/g)].map(([name]) => name);
  return { names: names.filter((name) => !WORDS.has(name)), labels };
}

const rule = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
  annotations: z.strictObject({ summary: z.string() }),
});
const alerts = z
  .strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule).min(1) })) })
  .parse(yaml("monitoring/alerts.yml"))
  .groups.flatMap(({ rules }) => rules);

const source = z.strictObject({ type: z.literal("prometheus"), uid: z.string() });
const dashboard = z
  .object({
    panels: z.array(
      z.object({
        id: z.int(),
        type: z.enum(["row", "timeseries"]),
        datasource: source.optional(),
        targets: z.array(z.object({ datasource: source, expr: z.string() })).default([]),
      }),
    ),
  })
  .parse(JSON.parse(read("monitoring/grafana/dashboards/convergence.json")));
const targets = dashboard.panels.flatMap((panel) => panel.targets);

const [scaled] = manifests("k8s/overlays/production").filter(({ kind }) => kind === "ScaledObject");
const triggers = z
  .array(z.object({ metadata: z.object({ query: z.string() }) }))
  .min(1)
  .parse(scaled?.spec?.triggers);

const expressions = [
  ...alerts.map(({ expr }) => expr),
  ...targets.map(({ expr }) => expr),
  ...triggers.map(({ metadata }) => metadata.query),
];

test("what an expression asks for is seen", () => {
  assert.deepEqual(
    asked(
      'histogram_quantile(0.99, sum by (le, a) (rate(x_bucket{b="{c}", d!~"e"}[$__rate_interval]))) > 1e3 and y offset 5m',
    ),
    { names: ["x_bucket", "y"], labels: ["b", "d", "le", "a"] },
  );
});

test("every metric and label of alerts, dashboard and ScaledObject is there", async () => {
  const known = await series();
  assert.ok(expressions.length > 30);
  for (const expression of expressions) {
    const { names, labels } = asked(expression);
    assert.ok(names.length > 0, expression);
    assert.deepEqual(
      {
        names: names.filter((name) => !known.has(name)),
        labels: labels.filter((label) => !LABELS.has(label)),
      },
      { names: [], labels: [] },
      expression,
    );
  }
});

test("routes, jobs and reasons that expressions select are there", () => {
  const values = (label: string) =>
    expressions
      .flatMap((expression) => [...expression.matchAll(new RegExp(`\\b${label}=~?"([^"]*)"`, "g"))])
      .flatMap(([, value = ""]) => value.split("|"));
  for (const job of values("job"))
    assert.ok(
      SERVICES.some((name) => name === job),
      job,
    );
  const routes = globSync("services/gateway/http/routes/*.ts", { cwd: root }).map(read).join();
  for (const route of values("route")) assert.ok(routes.includes(`path: "${route}"`), route);
  const reasons = ["services/pipeline-service/admission/plan.ts", "libs/warehouse/metered.ts"]
    .map(read)
    .join();
  for (const reason of values("reason")) assert.ok(reasons.includes(`"${reason}"`), reason);
});

test("OPERATIONS.md says of every alert what to do", () => {
  const told = rows(read("docs/OPERATIONS.md"), "alert").map(([name = ""]) => codeSpans(name)[0]);
  assert.deepEqual(
    told,
    alerts.map(({ alert }) => alert),
  );
  assert.equal(new Set(told).size, told.length);
});

const job = z.strictObject({
  job_name: z.string(),
  dns_sd_configs: z.tuple([
    z.strictObject({
      names: z.tuple([z.string()]),
      type: z.literal("A"),
      port: z.int(),
      refresh_interval: z.string(),
    }),
  ]),
});

test("Prometheus scrapes every service of docker-compose.yml on its operator's port, under its name", () => {
  const config = z
    .object({ rule_files: z.tuple([z.literal("alerts.yml")]), scrape_configs: z.array(job) })
    .parse(yaml("monitoring/prometheus.yml"));
  assert.deepEqual(
    config.scrape_configs.map(({ job_name, dns_sd_configs: [{ names, port }] }) => [
      job_name,
      ...names,
      port,
    ]),
    SERVICES.map((name) => [name, name, Number(stages().get(name)?.env.OPERATOR_PORT)]),
  );
  const composed = z
    .object({ services: z.record(z.string(), z.object({ volumes: z.array(z.string()).default([]) })) })
    .parse(yaml("docker-compose.yml")).services;
  for (const name of SERVICES) assert.ok(name in composed, name);
  for (const file of ["prometheus.yml", "alerts.yml"])
    assert.ok(composed.prometheus?.volumes.includes(`./monitoring/${file}:/etc/prometheus/${file}:ro`));
});

test("Grafana is given the dashboard, and the source that its panels ask", () => {
  const [found] = z
    .object({ datasources: z.tuple([z.object({ uid: z.string(), url: z.string() })]) })
    .parse(yaml("monitoring/grafana/provisioning/datasources/prometheus.yml")).datasources;
  assert.equal(found.url, "http://prometheus:9090");
  for (const { datasource } of targets) assert.equal(datasource.uid, found.uid);
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const [provider] = z
    .object({ providers: z.tuple([z.object({ options: z.object({ path: z.string() }) })]) })
    .parse(yaml("monitoring/grafana/provisioning/dashboards/convergence.yml")).providers;
  const { grafana } = z
    .object({
      services: z.object({
        grafana: z.object({ volumes: z.array(z.string()), environment: z.record(z.string(), z.string()) }),
      }),
    })
    .parse(yaml("docker-compose.yml")).services;
  assert.ok(grafana.volumes.includes(`./monitoring/grafana/dashboards:${provider.options.path}:ro`));
  assert.ok(grafana.volumes.includes("./monitoring/grafana/provisioning:/etc/grafana/provisioning:ro"));
  const home = grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? "";
  assert.equal(path.dirname(home), provider.options.path);
  assert.ok(existsSync(path.join(root, "monitoring/grafana/dashboards", path.basename(home))));
});
