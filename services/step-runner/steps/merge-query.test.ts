import assert from "node:assert/strict";
import { test } from "node:test";
import { type StepBench, stepBench } from "../testing/steps.ts";

/** A step that merges a query into `costs`. */
function merge(query: string, options = "keys: [day, service]"): string {
  return `step_id: m
type: bigquery_query
query: "${query}"
destination: { table: costs, write_mode: merge, ${options} }`;
}

const FIRST =
  "SELECT * FROM UNNEST([STRUCT(DATE '2025-11-15' AS day, 'run' AS service, 1.5 AS cost), (DATE '2025-11-16', 'run', 2.0)])";
const SECOND =
  "WITH a AS (SELECT DATE '2025-11-16' AS day, 'run' AS service, 9.0 AS cost) SELECT * FROM a UNION ALL SELECT DATE '2025-11-17', 'gke', 4.0; -- the end";

async function costs(bench: StepBench): Promise<unknown[]> {
  const rows = await bench.rows("SELECT day, service, cost FROM costs ORDER BY day, service");
  return rows.map(({ day, service, cost }) => `${day} ${service} ${cost}`);
}

const MERGED = ["2025-11-15 run 1.5", "2025-11-16 run 9", "2025-11-17 gke 4"];

test("merge makes the table, replaces rows of the same keys, adds others, and may be repeated", async (t) => {
  for (const options of [
    "keys: [day, service]",
    "keys: [Day, service], partition_by: day, cluster_by: [service]",
  ]) {
    await t.test(options, async (inner) => {
      const bench = await stepBench(inner);
      const first = await bench.step(merge(FIRST, options), { run: "r1" });
      assert.deepEqual(first.ok && [first.result.rows, first.result.metadata?.job_id], [2, "r1_0_1"]);
      const second = await bench.step(merge(SECOND, options), { run: "r2" });
      assert.equal(second.ok && second.result.rows, 2, JSON.stringify(second));
      assert.deepEqual(await costs(bench), MERGED);
      // The same try by another claimant: the same job. Another run: the same rows.
      for (const about of [{ run: "r2", attempt: 2 }, { run: "r3" }]) {
        assert.equal((await bench.step(merge(SECOND, options), about)).ok, true);
        assert.deepEqual(await costs(bench), MERGED);
      }
    });
  }
});

test("a table that merge makes is partitioned and clustered as the destination says", async (t) => {
  const bench = await stepBench(t);
  await bench.step(merge(FIRST, "keys: [day, service], partition_by: day, cluster_by: [service]"));
  const made = await bench.resource("costs");
  assert.deepEqual(made.timePartitioning, { type: "DAY", field: "day" });
  assert.deepEqual(made.clustering, { fields: ["service"] });
});

test("an empty result merges nothing, bounded or not", async (t) => {
  const bench = await stepBench(t);
  for (const options of ["keys: [day]", "keys: [day], partition_by: day"]) {
    const done = await bench.step(merge(`${FIRST} WHERE FALSE`, options), { run: `empty-${options.length}` });
    assert.equal(done.ok && done.result.rows, 0, JSON.stringify(done));
  }
});

test("a merge whose table has columns of its own leaves them as they are", async (t) => {
  const bench = await stepBench(t);
  await bench.sql(
    "CREATE TABLE costs AS SELECT DATE '2025-11-15' AS day, 'run' AS service, 'kept' AS note, 0.0 AS cost",
  );
  assert.ok((await bench.step(merge(FIRST))).ok);
  const rows = await bench.rows("SELECT note, cost FROM costs ORDER BY day");
  assert.deepEqual(rows, [
    { note: "kept", cost: 1.5 },
    { note: null, cost: 2 },
  ]);
});

test("keys alone make a set: rows that are there are left", async (t) => {
  const bench = await stepBench(t);
  const only = "SELECT day, service FROM (SELECT DATE '2025-11-15' AS day, 'run' AS service)";
  for (const run of ["a", "b"]) assert.ok((await bench.step(merge(only), { run })).ok);
  assert.equal((await bench.rows("SELECT day FROM costs")).length, 1);
});

test("what cannot be merged fails with what to do, and writes nothing", async (t) => {
  const bench = await stepBench(t);
  await bench.sql("CREATE TABLE costs AS SELECT DATE '2025-11-15' AS day, 'run' AS service, 7.0 AS cost");
  const cases: [query: string, says: RegExp, options?: string][] = [
    ["SELECT 1 AS n", /The key day of merge is no column of the result, which has n\./],
    [
      "SELECT CAST(NULL AS DATE) AS day, 'x' AS service",
      /NULL in a key of merge \(day, service\): leave such rows out/,
    ],
    [`${FIRST} UNION ALL ${FIRST}`, /Two rows of the result have the same keys of merge \(day, service\)/],
    [
      "SELECT DATE '2025-11-15' AS day, 'run' AS service, 1 AS other",
      /Table costs has no column other: add it, or leave it out/,
    ],
    ["SELECT DATE '2025-11-15' AS day, 1.5 AS service", /the key service is a FLOAT/],
    ["SELECT [1] AS day, 's' AS service", /the key day is an array/],
    ["SELECT * FROM Other_1.costs", /the query is refused/],
  ];
  for (const [i, [query, says]] of cases.entries()) {
    const done = await bench.step(merge(query), { run: `bad-${i}` });
    assert.ok(!done.ok, query);
    assert.match(done.message, says);
    assert.equal(done.retryable, false);
  }
  assert.deepEqual(await costs(bench), ["2025-11-15 run 7"]);
});

test("a result that moves between its two readings is refused, and may be tried again", async (t) => {
  const bench = await stepBench(t);
  // The first reading finds the bounds, the second one merges: of two moments the second is later.
  const moving = "SELECT CURRENT_TIMESTAMP() AS day, 1 AS cost";
  const done = await bench.step(merge(moving, "keys: [day], partition_by: day"));
  assert.ok(!done.ok);
  assert.match(done.message, /changed while it was merged; nothing was written/);
  assert.equal(done.retryable, true);
  assert.deepEqual(await bench.rows("SELECT * FROM costs"), []);
});
