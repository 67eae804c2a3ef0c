import assert from "node:assert/strict";
import { at, fails, metadataOf, type Step, steps } from "./steps-test-kit.ts";

async function withSales({ rows }: Step): Promise<void> {
  await rows("CREATE TABLE sales (shop STRING, kind STRING, day DATE, amount NUMERIC, info JSON)");
  await rows(`INSERT INTO sales VALUES
    ('a', 'x', '2026-01-01', NUMERIC '0.10', JSON '{"tags": ["p", "q"], "n": 1}'),
    ('a', 'y', '2026-01-02', NUMERIC '0.20', JSON '{"n": "2"}'),
    ('b', 'x', '2026-01-02', NUMERIC '3', NULL)`);
}

/** A step that is a query over the table of sales and its rows. */
const query =
  (sql: string, expected: unknown[]) =>
  async (step: Step): Promise<void> => {
    await withSales(step);
    assert.deepEqual(await step.rows(sql), expected);
  };

steps("SQL of the product's field", {
  "dashed names in backticks": async ({ rows, id }) => {
    await rows(`CREATE TABLE \`gac-prod-471220.${id}.a-b\` AS SELECT 1 AS x`);
    assert.deepEqual(await rows(`SELECT x FROM \`gac-prod-471220\`.${id}.\`a-b\``), [{ x: 1 }]);
  },
  "wildcard tables with _TABLE_SUFFIX": async ({ rows }) => {
    for (const day of ["20260101", "20260102", "20260201"])
      await rows(`CREATE TABLE events_${day} AS SELECT '${day}' AS d`);
    const sql = "SELECT d, _TABLE_SUFFIX AS s FROM `events_202601*` WHERE _TABLE_SUFFIX > '01' ORDER BY d";
    assert.deepEqual(await rows(sql), [{ d: "20260102", s: "02" }]);
  },
  "CTAS with PARTITION BY, CLUSTER BY and OPTIONS": async (step) => {
    await step.rows(`CREATE TABLE t PARTITION BY day CLUSTER BY k
      OPTIONS (description = 'x', labels = [('a', 'b')]) AS SELECT DATE '2026-01-01' AS day, 'k' AS k`);
    const metadata = await metadataOf(step.dataset.table("t").getMetadata());
    assert.equal(at(metadata, "timePartitioning.field"), "day");
    assert.deepEqual(at(metadata, "clustering.fields"), ["k"]);
    assert.deepEqual([metadata.description, metadata.labels], ["x", { a: "b" }]);
  },
  "CREATE OR REPLACE, IF NOT EXISTS, DROP IF EXISTS": async ({ rows }) => {
    await rows("CREATE TABLE t AS SELECT 1 AS a");
    await rows("CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS a");
    assert.deepEqual(await rows("SELECT a FROM t"), [{ a: 1 }]);
    await rows("CREATE OR REPLACE TABLE t AS SELECT 'x' AS b");
    assert.deepEqual(await rows("SELECT * FROM t"), [{ b: "x" }]);
    await rows("DROP TABLE t; DROP TABLE IF EXISTS t");
    await fails(rows("DROP TABLE t"), "notFound", /Not found: Table/);
  },
  "a view follows its table": async (step) => {
    await withSales(step);
    await step.rows(`CREATE VIEW v AS SELECT shop, SUM(amount) AS total FROM ${step.id}.sales GROUP BY shop`);
    await step.rows("INSERT INTO sales (shop, amount) VALUES ('b', 1)");
    assert.deepEqual(await step.rows("SELECT * FROM v ORDER BY shop"), [
      { shop: "a", total: "0.3" },
      { shop: "b", total: "4" },
    ]);
  },
  "ALTER TABLE ADD COLUMN": async (step) => {
    await withSales(step);
    await step.rows("ALTER TABLE sales ADD COLUMN note STRING, ADD COLUMN IF NOT EXISTS shop STRING");
    assert.deepEqual(await step.rows("SELECT note FROM sales WHERE shop = 'b'"), [{ note: null }]);
  },
  TRUNCATE: async (step) => {
    await withSales(step);
    await step.rows("TRUNCATE TABLE sales");
    assert.deepEqual(await step.rows("SELECT COUNT(*) AS n FROM sales"), [{ n: 0 }]);
  },
  "MERGE that matches a row twice is 400": async (step) => {
    await withSales(step);
    const merge =
      "MERGE sales t USING (SELECT 'b' AS shop FROM UNNEST([1, 2])) s ON t.shop = s.shop WHEN MATCHED THEN UPDATE SET kind = 'z'";
    const message = /^UPDATE\/MERGE must match at most one source row for each target row$/;
    await fails(step.rows(merge), "invalidQuery", message);
  },
  QUALIFY: query(
    "SELECT shop, day FROM sales WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY shop ORDER BY day DESC) = 1 ORDER BY shop",
    [
      { shop: "a", day: { value: "2026-01-02" } },
      { shop: "b", day: { value: "2026-01-02" } },
    ],
  ),
  PIVOT: query(
    "SELECT * FROM (SELECT shop, kind, amount FROM sales) PIVOT(SUM(amount) FOR kind IN ('x', 'y')) ORDER BY shop",
    [
      { shop: "a", x: "0.1", y: "0.2" },
      { shop: "b", x: "3", y: null },
    ],
  ),
  "JSON functions and fields": query(
    "SELECT JSON_VALUE(info, '$.n') AS n, info.tags[0] AS tag, JSON_QUERY(info, '$.tags') AS tags, INT64(info.n) AS i FROM sales WHERE kind = 'x' AND shop = 'a'",
    [{ n: "1", tag: '"p"', tags: '["p","q"]', i: 1 }],
  ),
  "exact NUMERIC": query(
    "SELECT SUM(amount) AS s, SUM(amount) * 3 AS t, CAST(0.1 + 0.2 AS STRING) AS f, NUMERIC '0.1' + NUMERIC '0.2' AS n FROM sales WHERE shop = 'a'",
    [{ s: "0.3", t: "0.9", f: "0.30000000000000004", n: "0.3" }],
  ),
  "TIMESTAMP and DATE functions": query(
    `SELECT TIMESTAMP_DIFF(TIMESTAMP '2026-01-01 01:00:00', TIMESTAMP '2026-01-01', MINUTE) AS m,
      CAST(DATE_TRUNC(DATE '2026-02-11', MONTH) AS STRING) AS t, FORMAT_DATE('%Y/%m', DATE '2026-02-11') AS f,
      FORMAT_TIMESTAMP('%FT%TZ', TIMESTAMP '2026-02-11 05:06:07') AS ft,
      CAST(DATE(TIMESTAMP '2026-02-11 23:30:00+00', 'Europe/Berlin') AS STRING) AS b,
      CAST(DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH) AS STRING) AS a,
      UNIX_SECONDS(TIMESTAMP '1970-01-02') AS u`,
    [
      {
        ...{ m: 60, t: "2026-02-01", f: "2026/02", ft: "2026-02-11T05:06:07Z", b: "2026-02-12" },
        ...{ a: "2024-02-29", u: 86400 },
      },
    ],
  ),
  "a NULL of a column is cast to NULL, whatever the type": async ({ rows }) => {
    await rows("CREATE TABLE t AS SELECT CAST(NULL AS STRING) AS s");
    const types = ["INT64", "FLOAT64", "NUMERIC", "BOOL", "BYTES", "DATE", "TIME", "DATETIME", "TIMESTAMP"];
    const casts = types.map((type) => `CAST(s AS ${type}) AS ${type.toLowerCase()}`);
    const expected = Object.fromEntries(types.map((type) => [type.toLowerCase(), null]));
    assert.deepEqual(await rows(`SELECT ${casts.join(", ")} FROM t`), [expected]);
  },
  "a text or an array beyond all measure is refused before it is made": async ({ rows }) => {
    await fails(rows("SELECT REPEAT('x', 500000000)"), "invalidQuery", /^Output of REPEAT exceeds/);
    await fails(rows("SELECT LPAD('x', 500000000)"), "invalidQuery", /^Output of LPAD exceeds/);
    await fails(rows("SELECT GENERATE_ARRAY(1, 100000000)"), "invalidQuery", /^GENERATE_ARRAY would produce/);
    assert.deepEqual(await rows("SELECT GENERATE_ARRAY(3, 1, -1) AS a"), [{ a: [3, 2, 1] }]);
  },
  "SAFE_ functions": query(
    "SELECT SAFE_CAST('x' AS INT64) AS c, SAFE_DIVIDE(1, 0) AS d, SAFE.SUBSTR('abc', 1, -1) AS s",
    [{ c: null, d: null, s: null }],
  ),
  "approximate aggregates": query(
    "SELECT APPROX_COUNT_DISTINCT(shop) AS n, APPROX_QUANTILES(amount, 1)[OFFSET(1)] AS q FROM sales",
    [{ n: 2, q: "3" }],
  ),
  "STRING_AGG and ARRAY_AGG with ORDER BY and LIMIT": query(
    "SELECT STRING_AGG(kind, '-' ORDER BY amount DESC LIMIT 2) AS s, ARRAY_AGG(DISTINCT shop ORDER BY shop) AS a FROM sales",
    [{ s: "x-y", a: ["a", "b"] }],
  ),
  "regular expressions": query(
    `SELECT REGEXP_CONTAINS('foobar', 'o+b') AS c, REGEXP_EXTRACT('a1b22', r'\\d+') AS e,
      REGEXP_REPLACE('aXbX', 'X', '-') AS r, REGEXP_EXTRACT_ALL('a1b22', r'\\d+') AS l`,
    [{ c: true, e: "1", r: "a-b-", l: ["1", "22"] }],
  ),
  "FARM_FINGERPRINT, FORMAT and hashes": query(
    "SELECT FARM_FINGERPRINT('foo') AS f, FORMAT('%05d|%s|%.2f', 7, 'x', 1.5) AS t, TO_HEX(MD5('a')) AS m",
    [{ f: Number("6150913649986995171"), t: "00007|x|1.50", m: "0cc175b9c0f1b6a831c399e269772661" }],
  ),
  "NULLs come first ascending and last descending": query(
    "SELECT ARRAY(SELECT x FROM UNNEST([2, NULL, 1]) AS x WHERE x IS NOT NULL ORDER BY x) AS a, (SELECT STRING_AGG(IFNULL(CAST(x AS STRING), 'null'), ',' ORDER BY x) FROM UNNEST([2, NULL, 1]) AS x) AS s, (SELECT STRING_AGG(IFNULL(CAST(x AS STRING), 'null'), ',' ORDER BY x DESC) FROM UNNEST([2, NULL, 1]) AS x) AS d",
    [{ a: [1, 2], s: "null,1,2", d: "2,1,null" }],
  ),
  "a script: variables, conditions, a handler": async ({ rows, ran }) => {
    const script = `DECLARE total INT64 DEFAULT 0; DECLARE outcome STRING DEFAULT 'ok';
      WHILE total < 5 DO SET total = total + 2; END WHILE;
      BEGIN SELECT 1 / 0; EXCEPTION WHEN ERROR THEN SET outcome = 'caught'; END;
      IF total > 5 THEN SELECT total, outcome; END IF`;
    assert.deepEqual(await rows(script), [{ total: 6, outcome: "caught" }]);
    assert.equal(at(await ran(script), "statistics.query.statementType"), "SCRIPT");
  },
  "a script's statements keep their effect when a later one fails": async ({ rows }) => {
    await rows("CREATE TABLE t (a INT64)");
    await fails(rows("INSERT t VALUES (1); SELECT 1 / 0"), "invalidQuery", /division by zero/);
    assert.deepEqual(await rows("SELECT a FROM t"), [{ a: 1 }]);
  },
  "a temporary SQL function": async ({ rows }) => {
    const script = "CREATE TEMP FUNCTION twice(x INT64) AS (x * 2); SELECT twice(21) AS a";
    assert.deepEqual(await rows(script), [{ a: 42 }]);
  },
});

/** What only this endpoint refuses, and the construct that its message names. */
const REFUSED: [sql: string, construct: RegExp][] = [
  ["SELECT * FROM t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", /SYSTEM_TIME/],
  ["EXPORT DATA OPTIONS(uri='gs://x/*') AS SELECT 1", /EXPORT/],
  ["CREATE ROW ACCESS POLICY p ON t GRANT TO ('allUsers') FILTER USING (TRUE)", /ROW ACCESS POLICY|CREATE/],
  ["SELECT * FROM t TABLESAMPLE SYSTEM (10 PERCENT)", /TABLESAMPLE/],
];

steps("refused by choice", {
  ...Object.fromEntries(
    REFUSED.map(([sql, construct]) => [
      sql,
      async (step: Step) => {
        await step.rows("CREATE TABLE t (a INT64)");
        await fails(step.rows(sql), "notImplemented", construct);
      },
    ]),
  ),
  "legacy SQL": ({ client }) =>
    fails(client.query({ query: "SELECT 1", useLegacySql: true }), "notImplemented", /legacy SQL/),
  sessions: ({ client }) =>
    fails(client.query({ query: "SELECT 1", createSession: true }), "notImplemented", /createSession/),
  "external tables of a query": ({ client }) =>
    fails(
      client.createQueryJob({ query: "SELECT 1", tableDefinitions: { x: { sourceUris: ["gs://b/x"] } } }),
      "notImplemented",
      /tableDefinitions/,
    ),
  "no SQL reaches a file": async ({ rows }) => {
    await assert.rejects(rows("SELECT * FROM `/etc/passwd`"));
    await fails(rows("SELECT read_text('/etc/passwd')"), "invalidQuery", /^Function not found: read_text/);
  },
});
