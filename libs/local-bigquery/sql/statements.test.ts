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

const BYTES = Buffer.from([0, 1, 255]);

test("typed parameters come as what they are, named and positional", async (t) => {
  const kit = await startKit(t);
  const names = ["s", "i", "f", "b", "n", "ts", "d", "dt", "by", "j", "nul", "a", "e", "st"];
  const query: Query = {
    query: `SELECT ${names.map((n) => `@${n} AS ${n}`).join(", ")}, ARRAY_LENGTH(@e) AS len, SHA256(@by) = SHA256(b'\\x00\\x01\\xff') AS same`,
    params: {
      s: "it's",
      i: "9223372036854775807",
      f: 1.5,
      b: true,
      n: "12345678901234567890.123456789",
      ts: BigQuery.timestamp("2024-01-02T03:04:05.123456Z"),
      d: BigQuery.date("2024-01-02"),
      dt: BigQuery.datetime("2024-01-02T03:04:05"),
      by: BYTES.toString("base64"),
      j: '{"b": 1, "a": 2}',
      nul: null,
      a: ["x", "y"],
      e: [],
      st: { k: "v", l: [1, 2] },
    },
    types: {
      s: "STRING",
      i: "INT64",
      f: "FLOAT64",
      b: "BOOL",
      n: "NUMERIC",
      ts: "TIMESTAMP",
      d: "DATE",
      dt: "DATETIME",
      by: "BYTES",
      j: "JSON",
      nul: "DATE",
      a: ["STRING"],
      e: ["INT64"],
      st: { k: "STRING", l: ["INT64"] },
    },
    wrapIntegers: true,
  };
  const [row] = await kit.rows(query);
  assert.ok(typeof row === "object" && row !== null && "i" in row && "by" in row && "st" in row);
  const plain: Record<string, unknown> = { ...row };
  assert.equal(plain.s, "it's");
  assert.match(JSON.stringify(plain.i), /9223372036854775807/);
  assert.equal(plain.n, "12345678901234567890.123456789");
  assert.deepEqual(plain.ts, { value: "2024-01-02T03:04:05.123456000Z" });
  assert.deepEqual(plain.d, { value: "2024-01-02" });
  assert.deepEqual(plain.dt, { value: "2024-01-02T03:04:05" });
  assert.deepEqual(plain.by, { type: "Buffer", data: [...BYTES] });
  assert.equal(plain.j, '{"a":2,"b":1}');
  assert.equal(plain.nul, null);
  assert.deepEqual(plain.a, ["x", "y"]);
  assert.deepEqual(plain.e, []);
  assert.equal(plain.same, true);
  assert.deepEqual(
    await kit.rows({ query: "SELECT ? + 1 AS a, ? AS b WHERE ? IN ('x')", params: [1, "y", "x"] }),
    [{ a: 2, b: "y" }],
  );
  await refuses(
    kit,
    "SELECT @missing",
    400,
    "invalidQuery",
    /^Query parameter 'missing' not found at \[1:8\]$/,
  );
});

test("a STRING parameter becomes a DATE in a comparison, but no INT64", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  const where = (condition: string): Query => ({
    query: `SELECT k FROM d.t WHERE ${condition}`,
    params: { p: "2024-01-02" },
    types: { p: "STRING" },
  });
  assert.deepEqual(await kit.rows(where("day = @p")), [{ k: "b" }]);
  assert.deepEqual(await kit.rows(where("day BETWEEN @p AND @p")), [{ k: "b" }]);
  assert.deepEqual(await kit.rows("SELECT k FROM d.t WHERE day = '2024-01-02'"), [{ k: "b" }]);
  await refuses(kit, where("v = @p"), 400, "invalidQuery", /operator = for argument types: INT64, STRING/);
  await refuses(
    kit,
    "SELECT k FROM d.t WHERE day = 'x'",
    400,
    "invalidQuery",
    /^Could not cast literal "x" to type DATE at \[1:31\]$/,
  );
  const injected: Query = { ...where("day = @p"), params: { p: "2025-11-15' OR '1'='1" } };
  await refuses(kit, injected, 400, "invalidQuery", /^Invalid date: '2025-11-15' OR '1'='1'$/);
});

const REFUSED: [query: string, construct: RegExp][] = [
  ["SELECT FARM_FINGERPRINT('x')", /function FARM_FINGERPRINT/],
  ["SELECT * FROM d.t TABLESAMPLE SYSTEM (10 PERCENT)", /TABLESAMPLE/],
  ["SELECT * FROM d.t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", /SYSTEM_TIME/],
  ["SELECT * FROM d.t PIVOT(SUM(v) FOR k IN ('a'))", /pivot/],
  ["SELECT k FROM d.t GROUP BY ROLLUP(k)", /ROLLUP/],
  ["FROM d.t |> WHERE TRUE", /FROM statements/],
  ["SELECT 1; SELECT 2", /dry run of a script/],
  ["SELECT tag FROM d.t, t.tags AS tag WITH OFFSET", /WITH OFFSET after an array path/],
  ["DECLARE x INT64", /DECLARE statements/],
  ["BEGIN TRANSACTION", /BEGIN statements/],
  ["EXPORT DATA OPTIONS(uri='gs://x/*') AS SELECT 1", /EXPORT statements/],
  ["CREATE VIEW d.v AS SELECT 1 AS x", /CREATE VIEW/],
  ["SELECT CAST(1 AS BIGNUMERIC)", /BIGNUMERIC/],
  ["CREATE TABLE d.n (a NUMERIC(10, 2))", /parameterised type/],
  ["SELECT @@time_zone", /system variable/],
  ["WITH RECURSIVE a AS (SELECT 1 AS x) SELECT * FROM a", /WITH RECURSIVE/],
  ["SELECT NET.HOST('x')", /method call|NET/],
  ["SELECT read_text('/etc/passwd')", /function READ_TEXT/],
  ["SELECT FORMAT_DATE('%c', DATE '2024-01-01')", /format element %c/],
];

test("what is not lowered is refused by name", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
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
    "ATTACH 'x'",
  ]) {
    const failed = await kit.client.createQueryJob({ query, dryRun: true }).then(
      () => false,
      () => true,
    );
    assert.ok(failed, query);
  }
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
  const failure = await kit.client.createQueryJob({
    query: "INSERT INTO d.s VALUES (100); BEGIN TRANSACTION",
  });
  await assert.rejects(failure[0].promise(), /BEGIN statements/);
  assert.deepEqual(await kit.rows("SELECT SUM(a) AS s FROM d.s"), [{ s: 15 }]);
});
