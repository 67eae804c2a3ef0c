import assert from "node:assert/strict";
import { test } from "node:test";
import type { Template } from "@convergence/pipeline";
import { noTemplates, openWorld, until, withKey } from "../testing/world.ts";
import { routes } from "./routes.ts";

const template: Template = {
  provider: "gcp",
  domain: "cost",
  name: "bill",
  file: "configs/gcp/cost/bill.yml",
  description: "GCP billing export for {tenant_id}",
  configVersion: "c0ffee",
  parameters: [
    { name: "date", type: "date", default: "yesterday", required: false, description: "The day." },
  ],
  strictParameters: false,
  timeoutMinutes: null,
  concurrency: null,
  schedule: null,
  steps: [
    {
      stepId: "export",
      type: "noop",
      onFailure: "stop",
      timeoutMinutes: null,
      dependsOn: null,
      retry: null,
      path: "steps[0]",
      resolve: () => ({ type: "noop" }),
    },
  ],
  compiled: { pipelineId: [], description: [] },
};

const catalogue = {
  list: () => [template],
  find: (provider: string, domain: string, name: string) =>
    `${provider}/${domain}/${name}` === "gcp/cost/bill" ? template : undefined,
  faultsOf: (_provider: string, _domain: string, name: string) =>
    name === "broken"
      ? [{ file: "configs/gcp/cost/broken.yml", line: 3, column: 5, path: "steps", message: "has a cycle" }]
      : [],
};

test("templates are listed and shown; a broken one with all its faults", async (t) => {
  const world = await openWorld(t, { catalogue });
  const key = await world.addKey("acme_1");
  const path = "/api/v1/pipelines/templates";
  await until(async () => (await world.ask(path, withKey(key))).status === 200, "the key works");
  const summary = {
    provider: "gcp",
    domain: "cost",
    name: "bill",
    description: "GCP billing export for {tenant_id}",
    config_version: "c0ffee",
    parameters: [
      { name: "date", type: "date", required: false, default: "yesterday", description: "The day." },
    ],
  };
  assert.deepEqual((await world.ask(path, withKey(key))).body, { templates: [summary] });
  assert.deepEqual((await world.ask(`${path}/gcp/cost/bill`, withKey(key))).body, {
    ...summary,
    strict_parameters: false,
    schedule: null,
    steps: [{ step_name: "export", step_type: "noop", step_index: 0, on_failure: "stop" }],
  });
  assert.equal((await world.ask(`${path}/gcp/cost/none`, withKey(key))).status, 404);
  assert.equal((await world.ask(`${path}/gcp/cost/..%2f..%2fx`, withKey(key))).status, 404);
  const broken = await world.ask(`${path}/gcp/cost/broken`, withKey(key));
  assert.equal(broken.status, 422);
  assert.deepEqual(broken.body.errors, [
    { field: "configs/gcp/cost/broken.yml:3:5", message: "has a cycle" },
  ]);
  assert.equal((await world.ask(path)).status, 401);
});

test("the OpenAPI document has every route, and each of its references leads somewhere", async (t) => {
  const world = await openWorld(t, { catalogue: noTemplates });
  const { body, status, text } = await world.ask("/openapi.json");
  assert.equal(status, 200);
  assert.equal(body.openapi, "3.1.0");
  const paths = Object.entries(body.paths ?? {});
  const described = paths.flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));
  assert.deepEqual(described.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort());
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name = ""]) => name,
  );
  const schemas = JSON.parse(text).components.schemas;
  assert.ok(references.length > 0);
  for (const name of references) assert.ok(name in schemas, name);
  const ids = routes.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const [path, item] of paths) {
    for (const [method, operation] of Object.entries<{ parameters?: { in: string; name: string }[] }>(item)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
      const given = (operation.parameters ?? []).filter((one) => one.in === "path").map(({ name }) => name);
      assert.deepEqual(given.sort(), named.sort(), `${method} ${path}`);
    }
  }
});

test("every route but onboarding's local use refuses a request without a key, and a foreign one", async (t) => {
  const world = await openWorld(t, { openOnboarding: false });
  const foreign = await world.addKey("techcorp");
  await until(
    async () => (await world.ask("/api/v1/pipelines/runs", withKey(foreign))).status === 200,
    "the key works",
  );
  for (const { method, path, scope } of routes) {
    const filled = path
      .replace("{tenant_id}", "acme_1")
      .replaceAll(/\{\w+\}/g, "550e8400-e29b-41d4-a716-446655440000");
    const ask = (headers: Record<string, string>) =>
      world.ask(filled, {
        method: method.toUpperCase(),
        headers: { ...headers, "Content-Type": "application/json" },
        ...(method === "post" || method === "put" ? { body: "{}" } : {}),
      });
    assert.equal((await ask({})).status, 401, path);
    assert.equal((await ask({ "X-API-Key": "nonsense" })).status, 401, path);
    if (path.includes("{tenant_id}") && scope !== null) {
      assert.equal((await ask({ "X-API-Key": foreign })).status, 403, path);
    }
  }
});

test("every answer bears a request id: the client's where it is a good one", async (t) => {
  const world = await openWorld(t);
  const given = await world.ask("/health", { headers: { "X-Request-Id": "abc-1.2_3" } });
  assert.equal(given.headers.get("x-request-id"), "abc-1.2_3");
  for (const bad of ["two words", "x".repeat(129), "<script>"]) {
    const answer = await world.ask("/nowhere", { headers: { "X-Request-Id": bad } });
    assert.match(answer.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(answer.body.request_id, answer.headers.get("x-request-id"));
  }
});

test("a wrong method is told which ones are right", async (t) => {
  const world = await openWorld(t);
  const path = "/api/v1/customers/acme_1/api-keys";
  const wrong = await world.ask(path, { method: "PATCH" });
  assert.deepEqual([wrong.status, wrong.body.type], [405, "/problems/method-not-allowed"]);
  assert.equal(wrong.headers.get("allow"), "GET, POST");
  const options = await world.ask(path, { method: "OPTIONS" });
  assert.deepEqual([options.status, options.headers.get("allow")], [204, "GET, POST"]);
});

test("health tells each dependency, and metrics count by route", async (t) => {
  const world = await openWorld(t);
  const health = await world.ask("/health");
  assert.deepEqual(health.body, {
    status: "ok",
    checks: { bus: "ok", keys: "ok", tenants: "ok", runs: "ok", replies: "ok" },
  });
  assert.equal((await world.ask("/health/ready")).status, 200);
  assert.deepEqual((await world.ask("/health/live")).body, { status: "ok" });
  await world.ask("/api/v1/pipelines/runs/secret-looking-id");
  const { text } = await world.ask("/metrics");
  assert.match(
    text,
    /convergence_http_requests_total\{method="GET",route="\/api\/v1\/pipelines\/runs\/\{id\}",status="401"\} 1/,
  );
  assert.doesNotMatch(text, /secret-looking-id/);
});

test("the docs page shows every route and loads nothing", async (t) => {
  const world = await openWorld(t);
  const page = await world.ask("/docs");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
  for (const { path, summary } of routes) {
    assert.ok(page.text.includes(path), path);
    assert.ok(page.text.includes(summary), summary);
  }
  assert.doesNotMatch(page.text, /<script|src=|https?:\/\//);
});

test("every answer names its trace: the request's own, or a new one", async (t) => {
  const world = await openWorld(t);
  const id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const own = await world.ask("/nowhere", { headers: { traceparent: `00-${id}-00f067aa0ba902b7-01` } });
  assert.match(
    own.headers.get("traceresponse") ?? "",
    new RegExp(`^00-${id}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`),
  );
  for (const traceparent of ["", `00-${id}-00f067aa0ba902b7`, "x".repeat(5_000)]) {
    const answer = await world.ask("/health", { headers: { traceparent } });
    assert.equal(answer.status, 200);
    const response = answer.headers.get("traceresponse") ?? "";
    assert.match(response, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.ok(!response.includes(id));
  }
});
