import assert from "node:assert/strict";
import { test } from "node:test";
import { BigQuery, type Query } from "@google-cloud/bigquery";
import { type Kit, refuses, startKit } from "../test-kit.ts";

async function setUp(kit: Kit): Promise<void> {
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (k STRING NOT NULL, day DATE, v INT64, note STRING, tags ARRAY<STRING>)");
  await kit.rows(
    "INSERT INTO d.t (k, day, v, note) VALUES ('a', '2024-01-01', 1, 'old'), ('b', '2024-01-02', 5, 'old')",
  );
}

/** Statistics of a statement that changes rows. */
async function counts(kit: Kit, query: Query): Promise<unknown> {
  const [job] = await kit.client.createQueryJob(query);
  await job.promise();
  const [metadata] = await job.getMetadata();
  const { numDmlAffectedRows, dmlStats } = metadata.statistics.query;
  return { all: numDmlAffectedRows, ...dmlStats };
}

const MERGE = `MERGE \`gac-prod-471220.d.t\` T
USING (SELECT * FROM UNNEST(@rows)) S
ON T.k = S.k AND T.day IN UNNEST(@days)
WHEN MATCHED AND (T.v IS NULL OR T.v < S.v) THEN UPDATE SET v = S.v, note = S.note
WHEN NOT MATCHED AND S.note IS NOT NULL THEN INSERT (k, day, v, note) VALUES (S.k, S.day, S.v, S.note)`;

function mergeOf(rows: { k: string; day: string; v: number; note: string | null }[]): Query {
  return {
    query: MERGE,
    params: {
      rows: rows.map((row) => ({ ...row, day: BigQuery.date(row.day) })),
      days: [BigQuery.date("2024-01-01"), BigQuery.date("2024-01-02"), BigQuery.date("2024-01-03")],
    },
    types: { rows: [{ k: "STRING", day: "DATE", v: "INT64", note: "STRING" }], days: ["DATE"] },
  };
}

test("MERGE from rows in a parameter: guarded by a version, counted exactly, repeated without effect", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  const merge = mergeOf([
    { k: "a", day: "2024-01-01", v: 2, note: "new" },
    { k: "b", day: "2024-01-02", v: 4, note: "late" },
    { k: "c", day: "2024-01-03", v: 1, note: "new" },
    { k: "x", day: "2024-01-03", v: 1, note: null },
  ]);
  assert.deepEqual(await counts(kit, merge), {
    all: "2",
    insertedRowCount: "1",
    updatedRowCount: "1",
    deletedRowCount: "0",
  });
  const expected = [
    { k: "a", v: 2, note: "new", tags: [] },
    { k: "b", v: 5, note: "old", tags: [] },
    { k: "c", v: 1, note: "new", tags: [] },
  ];
  assert.deepEqual(await kit.rows("SELECT k, v, note, tags FROM d.t ORDER BY k"), expected);
  assert.deepEqual(await counts(kit, merge), {
    all: "0",
    insertedRowCount: "0",
    updatedRowCount: "0",
    deletedRowCount: "0",
  });
  assert.deepEqual(await kit.rows("SELECT k, v, note, tags FROM d.t ORDER BY k"), expected);
});

test("a row that two source rows would change refuses the MERGE, and nothing is changed", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  const twice = mergeOf([
    { k: "a", day: "2024-01-01", v: 2, note: "x" },
    { k: "a", day: "2024-01-01", v: 3, note: "y" },
    { k: "z", day: "2024-01-01", v: 3, note: "y" },
  ]);
  await refuses(
    kit,
    twice,
    400,
    "invalidQuery",
    /^UPDATE\/MERGE must match at most one source row for each target row$/,
  );
  assert.deepEqual(await kit.rows("SELECT k, v FROM d.t ORDER BY k"), [
    { k: "a", v: 1 },
    { k: "b", v: 5 },
  ]);
  const update =
    "UPDATE d.t SET v = s.v FROM (SELECT 'a' AS k, 7 AS v UNION ALL SELECT 'a', 8) AS s WHERE t.k = s.k";
  await refuses(kit, update, 400, "invalidQuery", /must match at most one source row/);
  const stale = mergeOf([
    { k: "b", day: "2024-01-02", v: 6, note: "y" },
    { k: "b", day: "2024-01-02", v: 2, note: "stale" },
  ]);
  assert.deepEqual(await counts(kit, stale), {
    all: "1",
    insertedRowCount: "0",
    updatedRowCount: "1",
    deletedRowCount: "0",
  });
});

test("MERGE may delete, insert whole rows and look at rows that no source row matches", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  const query = `MERGE d.t USING (SELECT 'a' AS k, DATE '2024-01-01' AS day, 1 AS v, 'n' AS note, ['t'] AS tags UNION ALL
    SELECT 'c', DATE '2024-01-03', 2, 'n', ['t']) s ON t.k = s.k
    WHEN MATCHED THEN DELETE WHEN NOT MATCHED BY TARGET THEN INSERT ROW WHEN NOT MATCHED BY SOURCE THEN UPDATE SET note = 'orphan'`;
  assert.deepEqual(await counts(kit, { query }), {
    all: "3",
    insertedRowCount: "1",
    updatedRowCount: "1",
    deletedRowCount: "1",
  });
  assert.deepEqual(await kit.rows("SELECT k, note, tags FROM d.t ORDER BY k"), [
    { k: "b", note: "orphan", tags: [] },
    { k: "c", note: "n", tags: ["t"] },
  ]);
});

test("REQUIRED holds in every statement that writes", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  const message = /^Required field k cannot be null$/;
  await refuses(kit, "INSERT INTO d.t (v) VALUES (1)", 400, "invalidQuery", message);
  await refuses(kit, "UPDATE d.t SET k = NULL WHERE TRUE", 400, "invalidQuery", message);
  const merge = "MERGE d.t USING (SELECT 1 AS v) s ON FALSE WHEN NOT MATCHED THEN INSERT (v) VALUES (s.v)";
  await refuses(kit, merge, 400, "invalidQuery", message);
  await refuses(kit, "UPDATE d.t SET v = 1", 400, "invalidQuery", /UPDATE must have a WHERE clause/);
  await refuses(
    kit,
    "INSERT INTO d.t (k, v) VALUES ('x', 'y')",
    400,
    "invalidQuery",
    /cannot be assigned to v, which has type INT64/,
  );
});

test("DELETE, TRUNCATE, CREATE OR REPLACE from itself, DROP", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  assert.deepEqual(await counts(kit, { query: "DELETE FROM d.t WHERE v > 3" }), {
    all: "1",
    insertedRowCount: "0",
    updatedRowCount: "0",
    deletedRowCount: "1",
  });
  await kit.rows("CREATE OR REPLACE TABLE d.t PARTITION BY day AS SELECT k, day, v + 1 AS v FROM d.t");
  assert.deepEqual(await kit.rows("SELECT * EXCEPT (day) FROM d.t"), [{ k: "a", v: 2 }]);
  await kit.rows("TRUNCATE TABLE d.t");
  assert.deepEqual(await kit.rows("SELECT COUNT(*) AS n FROM d.t"), [{ n: 0 }]);
  await kit.rows("CREATE TABLE IF NOT EXISTS d.t (a INT64)");
  await kit.rows("DROP TABLE d.t");
  await kit.rows("DROP TABLE IF EXISTS d.t");
  await refuses(kit, "DROP TABLE d.t", 404, "notFound", /^Not found: Table gac-prod-471220:d\.t/);
});

test("queries: joins, CTEs, windows, QUALIFY, correlated arrays, unnamed columns", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  await kit.rows("UPDATE d.t SET tags = ['x', 'y'] WHERE k = 'a'");
  assert.deepEqual(await kit.rows("SELECT 1, 'a' AS b, COUNT(*) FROM d.t"), [{ f0_: 1, b: "a", f1_: 2 }]);
  assert.deepEqual(
    await kit.rows("SELECT k, tag, o FROM d.t, UNNEST(t.tags) AS tag WITH OFFSET AS o ORDER BY o"),
    [
      { k: "a", tag: "x", o: 0 },
      { k: "a", tag: "y", o: 1 },
    ],
  );
  assert.deepEqual(
    await kit.rows("SELECT t.k, tag FROM d.t LEFT JOIN UNNEST(t.tags) AS tag ORDER BY k, tag"),
    [
      { k: "a", tag: "x" },
      { k: "a", tag: "y" },
      { k: "b", tag: null },
    ],
  );
  const query = `WITH a AS (SELECT k, v FROM d.t), b AS (SELECT k, v * 10 AS w FROM a)
    SELECT * FROM a JOIN b USING (k) WHERE EXISTS (SELECT 1 FROM d.t AS i WHERE i.k = a.k)
    QUALIFY ROW_NUMBER() OVER (ORDER BY v DESC) = 1`;
  assert.deepEqual(await kit.rows(query), [{ k: "b", v: 5, w: 50 }]);
  assert.deepEqual(await kit.rows("SELECT UPPER(k) AS k, v FROM d.t ORDER BY k DESC LIMIT 1"), [
    { k: "B", v: 5 },
  ]);
  assert.deepEqual(await kit.rows("SELECT NULL AS x UNION ALL SELECT 2 ORDER BY x"), [{ x: null }, { x: 2 }]);
  assert.deepEqual(await kit.rows("SELECT v FROM d.t ORDER BY v DESC NULLS FIRST LIMIT 1 OFFSET 1"), [
    { v: 1 },
  ]);
  assert.deepEqual(await kit.rows("SELECT t FROM d.t AS t WHERE k = 'b'"), [
    { t: { k: "b", day: { value: "2024-01-02" }, v: 5, note: "old", tags: [] } },
  ]);
});

test("a script runs its statements in order and gives the last one's rows; before a failure all keep their effect", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  const script =
    "CREATE TABLE d.s (a INT64); INSERT INTO d.s VALUES (1), (2); -- ; no end\nSELECT SUM(a) AS s, ';' AS t FROM d.s;";
  assert.deepEqual(await kit.rows(script), [{ s: 3, t: ";" }]);
  await refuses(
    kit,
    "INSERT INTO d.s VALUES (3); SELECT 1 / 0; INSERT INTO d.s VALUES (4)",
    400,
    "invalidQuery",
    /division by zero/,
  );
  assert.deepEqual(await kit.rows("SELECT SUM(a) AS s FROM d.s"), [{ s: 6 }]);
  await refuses(
    kit,
    "INSERT INTO d.s VALUES (9); SELECT nope FROM d.s",
    400,
    "invalidQuery",
    /^Unrecognized name: nope at \[1:36\]$/,
  );
  assert.deepEqual(await kit.rows("SELECT SUM(a) AS s FROM d.s"), [{ s: 15 }]);
});
