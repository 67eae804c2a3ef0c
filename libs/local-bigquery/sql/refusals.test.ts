import assert from "node:assert/strict";
import { test } from "node:test";
import { startKit } from "../test-kit.ts";

const REFUSED: [query: string, construct: RegExp][] = [
  ["SELECT SEARCH('x', 'x')", /function SEARCH/],
  ["SELECT * FROM d.t TABLESAMPLE SYSTEM (10 PERCENT)", /TABLESAMPLE/],
  ["SELECT * FROM d.t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", /SYSTEM_TIME/],
  ["SELECT * FROM d.t PIVOT(SUM(v + 1) FOR k IN ('a'))", /PIVOT of an expression/],
  ["FROM d.t |> WHERE TRUE", /FROM statements/],
  ["SELECT 1; SELECT 2", /dry run of a script/],
  ["SELECT tag FROM d.t, t.tags AS tag WITH OFFSET", /WITH OFFSET after an array path/],
  ["DECLARE x INT64", /dry run of a script/],
  ["EXPORT DATA OPTIONS(uri='gs://x/*') AS SELECT 1", /EXPORT statements/],
  ["CREATE VIEW d.v PARTITION BY x AS SELECT 1 AS x", /PARTITION BY or CLUSTER BY of a view/],
  ["SELECT CAST(1 AS BIGNUMERIC)", /BIGNUMERIC/],
  ["CREATE TABLE d.n (a NUMERIC(10, 2))", /parameterised type/],
  ["SELECT @@time_zone", /system variable/],
  ["WITH RECURSIVE a AS (SELECT 1 AS x) SELECT * FROM a", /WITH RECURSIVE/],
  ["SELECT NET.HOST('x')", /function NET\.HOST/],
  ["SELECT FORMAT_DATE('%c', DATE '2024-01-01')", /format element %c/],
];

test("what is not lowered is refused by name", async (t) => {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (k STRING, v INT64, tags ARRAY<STRING>)");
  for (const [query, construct] of REFUSED) {
    const error = await kit.client.createQueryJob({ query, dryRun: true }).then(
      () => assert.fail(`${query} was taken`),
      (e: unknown) => e,
    );
    assert.ok(typeof error === "object" && error !== null && "code" in error && "message" in error, query);
    assert.equal(error.code, 501, query);
    assert.match(String(error.message), construct, query);
  }
});

test("SQL reaches no file and changes no setting", async (t) => {
  const kit = await startKit(t);
  for (const query of [
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM `a.b.read_csv('/etc/passwd')`",
    "COPY t TO '/tmp/x'",
    "SET threads = 1",
    "SELECT read_text('/etc/passwd')",
    "ATTACH 'x'",
  ]) {
    const failed = await kit.client.createQueryJob({ query, dryRun: true }).then(
      () => false,
      () => true,
    );
    assert.ok(failed, query);
  }
});
