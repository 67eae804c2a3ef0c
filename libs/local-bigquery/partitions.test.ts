import assert from "node:assert/strict";
import { test } from "node:test";
import { refuses, startKit } from "./test-kit.ts";

test("tables partitioned by ranges of integers", async (t) => {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows(
    "CREATE TABLE d.t PARTITION BY RANGE_BUCKET(k, GENERATE_ARRAY(-10, 100, 10)) AS SELECT k FROM UNNEST([-5, 5, 7, 95, 100, NULL]) AS k",
  );
  const range = { start: "-10", end: "100", interval: "10" };
  const [table] = await kit.client.dataset("d").table("t").getMetadata();
  assert.deepEqual(table.rangePartitioning, { field: "k", range });
  assert.deepEqual(
    await kit.rows(
      "SELECT partition_id AS id, total_rows AS n FROM d.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 't' ORDER BY id",
    ),
    [
      { id: "-10", n: 1 },
      { id: "0", n: 2 },
      { id: "90", n: 1 },
      { id: "__NULL__", n: 1 },
      { id: "__UNPARTITIONED__", n: 1 },
    ],
  );
  await kit.client
    .dataset("d")
    .createTable("u", { schema: "k:integer", rangePartitioning: { field: "k", range } });
  await refuses(kit, "ALTER TABLE d.u DROP COLUMN k", 400, "invalidQuery", /used to partition/);
  const bad = "CREATE TABLE d.v (k STRING) PARTITION BY RANGE_BUCKET(k, GENERATE_ARRAY(0, 10, 1))";
  await refuses(kit, bad, 400, "invalid", /must be of type INTEGER/);
});

test("a required filter on the partitioning column", async (t) => {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows(
    "CREATE TABLE d.t (day DATE, v INT64) PARTITION BY day OPTIONS(require_partition_filter = true); INSERT d.t VALUES ('2024-01-01', 1), ('2024-01-02', 2)",
  );
  const missing = /without a filter over column\(s\) 'day'/;
  await refuses(kit, "SELECT * FROM d.t", 400, "invalidQuery", missing);
  await refuses(
    kit,
    "SELECT a.v FROM d.t AS a JOIN d.t AS b USING (v) WHERE a.day = '2024-01-01'",
    400,
    "invalidQuery",
    missing,
  );
  await refuses(kit, "DELETE FROM d.t WHERE v = 1", 400, "invalidQuery", missing);
  await refuses(
    kit,
    "SELECT v FROM d.t WHERE day = '2024-01-01' OR v = 1",
    501,
    "notImplemented",
    /filter on day/,
  );
  for (const where of [
    "day = '2024-01-01'",
    "v < 9 AND (DATE '2024-01-01' >= t.day)",
    "day IN ('2024-01-01')",
  ])
    assert.deepEqual(await kit.rows(`SELECT v FROM d.t WHERE ${where}`), [{ v: 1 }], where);
  assert.deepEqual(
    await kit.rows({
      query: "SELECT v FROM d.t WHERE day BETWEEN @a AND CURRENT_DATE()",
      params: { a: kit.client.date("2024-01-02") },
    }),
    [{ v: 2 }],
  );
  await kit.rows("UPDATE d.t SET v = 3 WHERE day > '2024-01-01'");
  await kit.rows("ALTER TABLE d.t SET OPTIONS (require_partition_filter = false)");
  assert.deepEqual(await kit.rows("SELECT SUM(v) AS s FROM d.t"), [{ s: 4 }]);
});
