import assert from "node:assert/strict";
import { test } from "node:test";
import { startKit } from "../test-kit.ts";
import { checkExpressions, checkRefusals } from "./test-expressions.ts";

const DAYS = "RANGE(DATE '2020-01-01', DATE '2020-01-06')";

checkExpressions("RANGE values", [
  ["RANGE<DATE> '[2020-01-01, 2020-02-01)'", "[2020-01-01, 2020-02-01)"],
  ["RANGE<DATE> '[unbounded, 2020-02-01)'", "[UNBOUNDED, 2020-02-01)"],
  ["RANGE<DATETIME> '[2020-01-01 10:00:00, NULL)'", "[2020-01-01 10:00:00, UNBOUNDED)"],
  ["RANGE(DATE '2020-01-01', NULL)", "[2020-01-01, UNBOUNDED)"],
  ["RANGE_START(RANGE<DATE> '[UNBOUNDED, 2020-02-01)')", null],
  [`RANGE_END(${DAYS})`, "2020-01-06"],
  [`RANGE_CONTAINS(${DAYS}, DATE '2020-01-06')`, "false"],
  [`RANGE_CONTAINS(${DAYS}, DATE '2020-01-01')`, "true"],
  [`RANGE_CONTAINS(${DAYS}, RANGE(DATE '2020-01-02', DATE '2020-01-06'))`, "true"],
  [`RANGE_CONTAINS(${DAYS}, RANGE(DATE '2020-01-02', NULL))`, "false"],
  [`RANGE_OVERLAPS(${DAYS}, RANGE(DATE '2020-01-06', NULL))`, "false"],
  [`RANGE_OVERLAPS(${DAYS}, RANGE(NULL, DATE '2020-01-02'))`, "true"],
  [`RANGE_INTERSECT(${DAYS}, RANGE(DATE '2020-01-03', NULL))`, "[2020-01-03, 2020-01-06)"],
  ["RANGE_INTERSECT(CAST(NULL AS RANGE<DATE>), RANGE(DATE '2020-01-03', NULL))", null],
  ["RANGE(DATE '2020-01-31', NULL) > RANGE(DATE '2020-01-31', DATE '2021-01-31')", "true"],
  ["RANGE(NULL, DATE '2020-01-31') < RANGE(DATE '2020-01-01', DATE '2020-01-31')", "true"],
  [`${DAYS} = RANGE<DATE> '[2020-01-01, 2020-01-06)'`, "true"],
  [
    `(SELECT STRING_AGG(CAST(r AS STRING), ' ') FROM UNNEST(GENERATE_RANGE_ARRAY(${DAYS}, INTERVAL 2 DAY)) AS r)`,
    "[2020-01-01, 2020-01-03) [2020-01-03, 2020-01-05) [2020-01-05, 2020-01-06)",
  ],
  [
    `(SELECT STRING_AGG(CAST(r AS STRING), ' ') FROM UNNEST(GENERATE_RANGE_ARRAY(${DAYS}, INTERVAL 2 DAY, FALSE)) AS r)`,
    "[2020-01-01, 2020-01-03) [2020-01-03, 2020-01-05)",
  ],
  [`(SELECT COUNT(DISTINCT r) FROM UNNEST([${DAYS}, ${DAYS}, RANGE(NULL, DATE '2020-01-06')]) AS r)`, "2"],
]);

checkRefusals("what GoogleSQL refuses of RANGE values", [
  ["SELECT RANGE(DATE '2020-01-02', DATE '2020-01-01')", /Range start element must be smaller/],
  ["SELECT RANGE<DATE> '[2020-01-01,2020-01-02)'", /Invalid RANGE<DATE> literal value/],
  ["SELECT RANGE<DATE> '[2020-01-03, 2020-01-02)'", /Invalid RANGE<DATE> literal value/],
  [`SELECT RANGE_INTERSECT(${DAYS}, RANGE(DATE '2020-01-06', NULL))`, /do not overlap/],
  [`SELECT RANGE_OVERLAPS(${DAYS}, 1)`, /No matching signature for function RANGE_OVERLAPS/],
  ["SELECT GENERATE_RANGE_ARRAY(RANGE(DATE '2020-01-02', NULL), INTERVAL 1 DAY)", /UNBOUNDED/],
]);

test("RANGE columns are stored, bound, shown and sessionised", async (t) => {
  const { client, rows } = await startKit(t);
  await client.createDataset("d");
  await rows("CREATE TABLE d.t (k STRING, r RANGE<DATE>)");
  await rows(
    "INSERT d.t VALUES ('a', RANGE<DATE> '[2020-01-01, 2020-01-03)'), ('a', RANGE<DATE> '[2020-01-03, 2020-01-04)'), ('b', RANGE<DATE> '[2020-01-02, UNBOUNDED)')",
  );
  await client
    .dataset("d")
    .table("t")
    .insert([{ k: "a", r: { start: "2020-02-01", end: "2020-02-02" } }]);
  const [table] = await client.dataset("d").table("t").getMetadata();
  assert.deepEqual(table.schema.fields[1].rangeElementType, { type: "DATE" });
  const sessions = (mode: string): Promise<unknown[]> =>
    rows(
      `SELECT k, COUNT(*) AS n, CAST(session_range AS STRING) AS s FROM RANGE_SESSIONIZE(TABLE d.t, 'r', ['k']${mode}) GROUP BY k, session_range ORDER BY k, session_range`,
    );
  assert.deepEqual(await sessions(""), [
    { k: "a", n: 2, s: "[2020-01-01, 2020-01-04)" },
    { k: "a", n: 1, s: "[2020-02-01, 2020-02-02)" },
    { k: "b", n: 1, s: "[2020-01-02, UNBOUNDED)" },
  ]);
  assert.equal((await sessions(", 'OVERLAPS'")).length, 4);
  assert.deepEqual(
    await rows({
      query: "SELECT RANGE_END(@r) AS e",
      params: { r: client.range("[2020-01-01, 2020-01-02)", "DATE") },
    }),
    [{ e: { value: "2020-01-02" } }],
  );
});
