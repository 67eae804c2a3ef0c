import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { parseTemplate } from "@convergence/pipeline";
import type { EstimateBytes } from "../deps.ts";
import { ESTIMATES_AT_ONCE } from "../operations/estimates.ts";
import {
  json,
  noTemplates,
  openWorld,
  until,
  type World,
  type WorldOptions,
  withKey,
} from "../testing/world.ts";

const NAME = { provider: "gcp", domain: "cost", name: "bill" };
const parsed = parseTemplate(
  `parameters: { date: { type: date, default: "2025-11-14" }, n: { type: int } }
steps:
  - { step_id: one, type: bigquery_query, query: "SELECT * FROM billing WHERE date = '{date}' AND n = {n}", destination: { table: "out_{date}" } }
  - { step_id: two, type: noop, depends_on: [one] }
`,
  "configs/gcp/cost/bill.yml",
  NAME,
);

const catalogue: typeof noTemplates = {
  ...noTemplates,
  find: (...name) =>
    "template" in parsed && name.join("/") === "gcp/cost/bill" ? parsed.template : undefined,
  faultsOf: (_provider, _domain, name) =>
    name === "broken"
      ? [{ file: "configs/gcp/cost/broken.yml", line: 3, column: 5, path: "", message: "bad" }]
      : [],
};

const PATH = "/api/v1/pipelines/templates/gcp/cost/bill/validate";

async function scene(t: TestContext, options: WorldOptions = {}) {
  const world = await openWorld(t, { catalogue, ...options });
  const key = await world.addKey("AcmeInc_1");
  await until(
    async () => (await world.ask("/api/v1/pipelines/runs", withKey(key))).status === 200,
    "the key works",
  );
  return {
    world,
    key,
    ask: (body: unknown, query = "", path = PATH) => post(world, key, path + query, body),
  };
}

function post(world: World, key: string, path: string, body: unknown) {
  return world.ask(path, json(body, { "X-API-Key": key }));
}

const noted = (body: Record<string, unknown>) =>
  Array.isArray(body.steps)
    ? body.steps.map(({ bytes_estimate, estimate_note }) => [bytes_estimate, estimate_note])
    : [];

test("a dry run tells steps, SQL and parameters for the caller's tenant, and asks for nothing", async (t) => {
  let asked = 0;
  const { world, key, ask } = await scene(t, {
    estimate: async () => {
      asked += 1;
      return { bytes_estimate: 1, estimate_note: null };
    },
  });
  const submitted: unknown[] = [];
  await world.onSubmit((command) => {
    submitted.push(command.parameters);
  });
  const { status, body } = await ask({ n: 7, trigger_by: "me" });
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.pipeline_id, "AcmeInc_1-gcp-cost-bill");
  assert.deepEqual(body.parameters, { date: "2025-11-14", n: 7 });
  const [one, two] = Array.isArray(body.steps) ? body.steps : [];
  assert.deepEqual(one.query, {
    sql: "SELECT * FROM billing WHERE date = @p0 AND n = @p1",
    parameters: [
      { name: "p0", type: "STRING", value: "2025-11-14" },
      { name: "p1", type: "INT64", value: 7 },
    ],
    default_dataset: "AcmeInc_1",
  });
  assert.equal(one.settings.destination.table, "out_2025-11-14");
  assert.deepEqual([two.step_name, two.stage, two.depends_on, two.query], ["two", 2, ["one"], null]);
  assert.deepEqual(noted(body), [
    [null, null],
    [null, null],
  ]);
  assert.equal(asked, 0);
  // What a later request submits is the first command there is.
  const run = post(world, key, "/api/v1/pipelines/run/AcmeInc_1/gcp/cost/bill", { n: 8 });
  await until(() => submitted.length > 0, "a run is asked for");
  assert.deepEqual(submitted, ['{"n":8}']);
  await run;
});

test("whatever a run would be refused for is told at once", async (t) => {
  const { ask } = await scene(t);
  const { status, body } = await ask({ date: "x", run_id: "1", trigger_by: 5, big: 2 ** 60 });
  assert.equal(status, 422);
  assert.equal(body.type, "/problems/invalid-parameters");
  const fields = Array.isArray(body.errors) ? body.errors.map(({ field }) => field) : [];
  assert.deepEqual(fields.sort(), ["big", "date", "n", "run_id", "trigger_by"]);
  const at = (name: string) => ask({}, "", `/api/v1/pipelines/templates/gcp/cost/${name}/validate`);
  assert.equal((await at("none")).status, 404);
  const broken = await at("broken");
  assert.deepEqual(
    [broken.status, broken.body.errors],
    [422, [{ field: "configs/gcp/cost/broken.yml:3:5", message: "bad" }]],
  );
  assert.equal((await ask({ n: 1 }, "?estimate=yes")).status, 422);
});

test("estimates are asked for where they are wanted, a few at a time", async (t) => {
  const waiting: (() => void)[] = [];
  const estimate: EstimateBytes = ({ sql }) =>
    new Promise((resolve) =>
      waiting.push(() => resolve({ bytes_estimate: sql.length, estimate_note: null })),
    );
  const { ask } = await scene(t, { estimate });
  const answers = Array.from({ length: ESTIMATES_AT_ONCE }, () => ask({ n: 1 }, "?estimate=true"));
  await until(() => waiting.length === ESTIMATES_AT_ONCE, "all are asked");
  const busy = await ask({ n: 1 }, "?estimate=true");
  assert.deepEqual([busy.status, busy.body.type], [503, "/problems/estimates-busy"]);
  assert.equal((await ask({ n: 1 })).status, 200, "what needs no BigQuery goes on");
  for (const answer of waiting) answer();
  for (const { status, body } of await Promise.all(answers)) {
    assert.equal(status, 200);
    assert.deepEqual(noted(body), [
      ["SELECT * FROM billing WHERE date = @p0 AND n = @p1".length, null],
      [null, null],
    ]);
  }
});

test("a gateway without BigQuery says so", async (t) => {
  const { ask } = await scene(t);
  const { status, body } = await ask({ n: 1 }, "?estimate=true");
  assert.equal(status, 200);
  assert.match(JSON.stringify(noted(body)[0]), /this gateway has no BigQuery/);
});
