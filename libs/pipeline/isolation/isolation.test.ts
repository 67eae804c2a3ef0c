import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkDryRun, checkIsolation, ISOLATION_MESSAGE, referencedTables } from "./index.ts";
import { checkLexically } from "./lexical.ts";

const OWN = { project: "proj-1", dataset: "acme" };

/** Statements that reach for the tables of the tenant `evil`, or for what is no table of `acme`. */
const EVIL: string[] = [
  // plainly
  "SELECT * FROM evil.api_keys",
  "SELECT * FROM `evil.api_keys`",
  "SELECT * FROM `evil`.`api_keys`",
  "SELECT * FROM `evil`.api_keys",
  "SELECT * FROM `proj-1.evil.api_keys`",
  "SELECT * FROM proj-1.evil.api_keys",
  "SELECT * FROM `proj-1`.evil.api_keys",
  "SELECT * FROM `proj-1.evil`.api_keys",
  "SELECT * FROM `proj-2.acme.billing`",
  "SELECT * FROM ACME.billing",
  "SELECT * FROM `proj-1.acme`.evil.api_keys",
  "SELECT * FROM `a.b.c.d`",
  "SELECT * FROM `x.proj-1.acme.billing`",
  // beside the tenant's own
  "SELECT * FROM billing, evil.api_keys",
  "SELECT * FROM billing JOIN evil.api_keys USING (tenant_id)",
  "SELECT * FROM billing LEFT JOIN (SELECT * FROM evil.api_keys) USING (tenant_id)",
  "SELECT * FROM (billing CROSS JOIN evil.api_keys)",
  "SELECT * FROM billing UNION ALL SELECT * FROM evil.billing",
  "SELECT * FROM billing EXCEPT DISTINCT SELECT * FROM evil.billing",
  "(SELECT * FROM billing) INTERSECT DISTINCT (SELECT * FROM evil.billing)",
  // in expressions
  "SELECT (SELECT MAX(api_key_id) FROM evil.api_keys)",
  "SELECT ARRAY(SELECT AS STRUCT * FROM evil.api_keys)",
  "SELECT 1 FROM billing WHERE EXISTS (SELECT 1 FROM evil.api_keys)",
  "SELECT 1 FROM billing WHERE x IN (SELECT api_key_id FROM evil.api_keys)",
  "SELECT 1 FROM billing ORDER BY (SELECT 1 FROM evil.api_keys)",
  "SELECT 1 FROM billing GROUP BY 1 HAVING (SELECT TRUE FROM evil.api_keys)",
  "SELECT 1 FROM billing QUALIFY (SELECT TRUE FROM evil.api_keys)",
  "SELECT CASE WHEN TRUE THEN (SELECT 1 FROM evil.api_keys) END",
  "SELECT COUNT(*) OVER (PARTITION BY (SELECT 1 FROM evil.api_keys)) FROM billing",
  "SELECT * FROM billing JOIN t ON (SELECT TRUE FROM evil.api_keys)",
  "SELECT * FROM UNNEST(ARRAY(SELECT api_key_id FROM evil.api_keys))",
  "SELECT * FROM billing LIMIT (SELECT 1 FROM evil.api_keys)",
  // behind names
  "WITH a AS (SELECT * FROM evil.api_keys) SELECT * FROM a",
  "WITH evil AS (SELECT 1) SELECT * FROM evil.api_keys",
  "WITH api_keys AS (SELECT 1) SELECT * FROM evil.api_keys",
  "WITH `evil.api_keys` AS (SELECT 1) SELECT * FROM `evil.api_keys`",
  "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM evil.n) SELECT * FROM a",
  "SELECT * FROM (WITH a AS (SELECT * FROM evil.api_keys) SELECT * FROM a)",
  "SELECT * FROM evil.api_keys, billing AS evil",
  "SELECT * FROM billing AS evil, (SELECT * FROM evil.api_keys)",
  "SELECT * FROM billing AS evil, evil.api_keys",
  // hidden from one reader or the other
  "SELECT * FROM `evil\\x2eapi_keys`",
  "SELECT * FROM `evil\\u002eapi_keys`",
  "SELECT 'a\\' FROM billing --', x FROM evil.api_keys",
  "SELECT r'\\' , ' FROM evil.api_keys --'",
  "SELECT * FROM /* billing */ evil /* . */ . /* */ api_keys",
  "SELECT * FROM evil\n.\napi_keys",
  "SELECT 1 -- \r, (SELECT 1 FROM evil.api_keys)",
  "SELECT '''a''' || '' , (SELECT 1 FROM evil.api_keys) || ''",
  "SELECT * FROM billing FOR SYSTEM_TIME AS OF (SELECT MAX(created_at) FROM evil.api_keys)",
  "#legacySQL\nSELECT * FROM billing",
  "SELECT * FROM [evil.api_keys]",
  // turned about
  "SELECT * FROM evil.api_keys PIVOT (COUNT(*) FOR is_active IN (TRUE))",
  "SELECT * FROM evil.t UNPIVOT (v FOR k IN (a, b))",
  "SELECT * FROM evil.api_keys TABLESAMPLE SYSTEM (10 PERCENT)",
  "SELECT * FROM evil.api_keys FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()",
  // wildcards, decorators, catalogues
  "SELECT * FROM `evil.*`",
  "SELECT * FROM `ac*.billing`",
  "SELECT * FROM `evil.billing_*`",
  "SELECT * FROM `proj-1.ev*`",
  "SELECT * FROM `billing_*_x`",
  "SELECT * FROM `acme.billing$20251115`",
  "SELECT * FROM `acme.billing@-3600000`",
  "SELECT * FROM INFORMATION_SCHEMA.SCHEMATA",
  "SELECT * FROM INFORMATION_SCHEMA.TABLES",
  "SELECT * FROM acme.INFORMATION_SCHEMA.SCHEMATA",
  "SELECT * FROM acme.INFORMATION_SCHEMA.JOBS_BY_PROJECT",
  "SELECT * FROM acme.INFORMATION_SCHEMA.`TABLES*`",
  "SELECT * FROM evil.INFORMATION_SCHEMA.TABLES",
  "SELECT * FROM `evil.INFORMATION_SCHEMA.TABLES`",
  "SELECT * FROM `proj-1`.evil.INFORMATION_SCHEMA.COLUMNS",
  "SELECT * FROM `proj-1`.INFORMATION_SCHEMA.TABLES",
  "SELECT * FROM `proj-2`.acme.INFORMATION_SCHEMA.TABLES",
  "SELECT * FROM `region-us`.INFORMATION_SCHEMA.JOBS_BY_PROJECT",
  "SELECT * FROM `region-us.INFORMATION_SCHEMA.JOBS`",
  "SELECT * FROM `proj-1`.`region-us`.INFORMATION_SCHEMA.TABLES",
  "SELECT * FROM evil.__TABLES__",
  // functions that read
  "SELECT * FROM EXTERNAL_QUERY('us.conn', 'SELECT 1')",
  "SELECT * FROM external_query /* */ ('us.conn', 'SELECT 1')",
  "SELECT evil.leak()",
  "SELECT `evil.leak`(1)",
  "SELECT proj.evil.leak(1)",
  "SELECT `proj-1`.evil.leak(1)",
  "SELECT safe.evil.leak(1)",
  "SELECT `safe`.leak(1)",
  "SELECT net.leak(1)",
  "SELECT evil.net.host(1)",
  "SELECT constructor.test(1)",
  "SELECT EXTERNAL_QUERY('us.conn', 'SELECT 1')",
  "SELECT f(TABLE billing)",
  "SELECT * FROM table_function(1)",
  "SELECT * FROM evil.table_function(1)",
  "SELECT * FROM ML.PREDICT(MODEL evil.m, TABLE billing)",
  "SELECT * FROM ML.PREDICT(MODEL m, (SELECT * FROM evil.api_keys))",
  "SELECT * FROM APPENDS(TABLE evil.api_keys, NULL, NULL)",
  "SELECT * FROM VECTOR_SEARCH(TABLE evil.t, 'e', TABLE billing)",
  "SELECT * FROM GRAPH_TABLE(evil.g MATCH (n) RETURN n.id)",
  "SELECT (x).leak() FROM billing",
  // no SELECT
  "FROM evil.api_keys",
  "FROM evil.api_keys |> SELECT *",
  "SELECT * FROM billing |> JOIN evil.api_keys USING (id)",
  "TABLE evil.api_keys",
  "SELECT 1; SELECT * FROM evil.api_keys",
  "DECLARE x INT64; SELECT * FROM evil.api_keys",
  "BEGIN SELECT * FROM evil.api_keys; END",
  "EXECUTE IMMEDIATE 'SELECT * FROM evil.api_keys'",
  "CALL evil.p()",
  "CREATE TABLE t AS SELECT * FROM evil.api_keys",
  "CREATE TEMP FUNCTION f() AS ((SELECT 1 FROM evil.api_keys)); SELECT f()",
  "CREATE VIEW acme.v AS SELECT * FROM evil.api_keys",
  "EXPORT DATA OPTIONS (uri='gs://b/*', format='CSV') AS SELECT * FROM evil.api_keys",
  "INSERT INTO evil.billing SELECT * FROM billing",
  "UPDATE evil.billing SET a = 1 WHERE TRUE",
  "DELETE FROM evil.billing WHERE TRUE",
  "MERGE evil.billing USING billing ON FALSE WHEN NOT MATCHED THEN INSERT ROW",
  "TRUNCATE TABLE evil.billing",
  "DROP TABLE evil.billing",
  "LOAD DATA INTO acme.t FROM FILES (format='CSV', uris=['gs://b/x'])",
  "GRANT `roles/bigquery.dataViewer` ON SCHEMA evil TO 'user:a@b.c'",
  "ASSERT (SELECT COUNT(*) = 1 FROM evil.api_keys)",
  "EXPLAIN SELECT * FROM evil.api_keys",
  // what cannot be read
  "",
  ";",
  "SELECT 'abc",
  "SELECT 1 /* abc",
  "SELECT * FROM `abc",
  `SELECT ${"(".repeat(5_000)}1${")".repeat(5_000)}`,
];

/** Statements that stay at home, with the tables that they name. */
const LEGITIMATE: [sql: string, ...tables: string[]][] = [
  ["SELECT 1"],
  ["SELECT * FROM billing WHERE date = @p0", "billing"],
  ["SELECT * FROM billing WHERE date = @p0;", "billing"],
  ["-- note\nSELECT 1 # other\n/* more */"],
  ["SELECT * FROM acme.billing", "acme.billing"],
  ["SELECT * FROM `proj-1.acme.billing`", "proj-1.acme.billing"],
  ["SELECT * FROM proj-1.acme.billing", "proj-1.acme.billing"],
  ["SELECT * FROM `proj-1`.`acme`.`billing`", "proj-1.acme.billing"],
  ["SELECT * FROM `billing_export_2025-11-15`", "billing_export_2025-11-15"],
  ["SELECT `acme.billing`.x FROM `acme.billing`", "acme.billing"],
  ["SELECT b.cost, b.sku.description FROM billing AS b", "billing"],
  ["SELECT b.labels[0].key, b.a.b.c FROM billing b", "billing"],
  ["SELECT b.* EXCEPT (secret) FROM billing b", "billing"],
  ["SELECT * REPLACE (UPPER(x) AS x) FROM billing", "billing"],
  ["SELECT l.key FROM billing, UNNEST(labels) AS l", "billing"],
  ["SELECT l.key FROM billing b LEFT JOIN UNNEST(b.labels) AS l ON TRUE", "billing"],
  ["SELECT l FROM billing b CROSS JOIN UNNEST(b.labels) AS l WITH OFFSET AS o WHERE o < 3", "billing"],
  ["SELECT (SELECT value FROM UNNEST(b.labels) WHERE key = 'team') FROM billing b", "billing"],
  ["WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT * FROM A JOIN b USING (x)"],
  ["WITH billing AS (SELECT * FROM acme.billing) SELECT * FROM billing", "acme.billing"],
  ["WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT * FROM n"],
  ["SELECT * FROM (SELECT * FROM billing) JOIN usage USING (id)", "billing", "usage"],
  ["SELECT * FROM billing b JOIN acme.usage u ON b.id = u.id AND u.day = @p0", "billing", "acme.usage"],
  ["SELECT 1 FROM a UNION ALL SELECT 2 FROM b", "a", "b"],
  ["(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 LIMIT 1"],
  ["SELECT 'FROM evil.api_keys', \"evil.x\" FROM billing -- evil.api_keys", "billing"],
  ["SELECT r'\\d.\\w', '''a.b''', b'c.d' FROM billing", "billing"],
  ["SELECT 1.5, .5, 1e3, 0x1F"],
  ["SELECT SAFE.PARSE_DATE('%Y', y), NET.HOST(url), HLL_COUNT.INIT(x) FROM billing", "billing"],
  ["SELECT EXTRACT(YEAR FROM b.day), TRIM(b.x), CAST(b.y AS DATE) FROM billing b", "billing"],
  ["SELECT JSON_VALUE(b.j, '$.a.b'), b.j.a.b FROM billing b", "billing"],
  ["SELECT SUM(b.cost) OVER (PARTITION BY b.day ORDER BY b.id) FROM billing b", "billing"],
  ["SELECT * FROM billing QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY at DESC) = 1", "billing"],
  ["SELECT * FROM billing WINDOW w AS (PARTITION BY id)", "billing"],
  ["SELECT STRUCT(1 AS a, 'x' AS b).a, [1, 2][OFFSET(0)], ARRAY<INT64>[1]"],
  ["SELECT * FROM billing PIVOT (SUM(cost) FOR service IN ('a', 'b'))", "billing"],
  ["SELECT * FROM billing UNPIVOT (v FOR k IN (a, b))", "billing"],
  ["SELECT * FROM billing TABLESAMPLE SYSTEM (10 PERCENT)", "billing"],
  ["SELECT * FROM billing FOR SYSTEM_TIME AS OF @p0", "billing"],
  ["SELECT a, COUNT(*) FROM billing GROUP BY ROLLUP (a) HAVING COUNT(*) > 1", "billing"],
  [
    "SELECT DISTINCT x FROM billing WHERE x IN (SELECT id FROM usage) AND y NOT IN (1, 2)",
    "billing",
    "usage",
  ],
  ["SELECT AS STRUCT b.x, b.y FROM billing b WHERE b.x IS DISTINCT FROM b.y", "billing"],
  ["SELECT * FROM `billing_*` WHERE _TABLE_SUFFIX = '20251115'", "billing_*"],
  ["SELECT * FROM `proj-1.acme.billing_*`", "proj-1.acme.billing_*"],
  ["SELECT * FROM `acme.*`", "acme.*"],
  ["SELECT * FROM acme.INFORMATION_SCHEMA.TABLES", "acme.INFORMATION_SCHEMA.TABLES"],
  ["SELECT * FROM `acme`.information_schema.columns", "acme.INFORMATION_SCHEMA.columns"],
  ["SELECT * FROM `proj-1.acme.INFORMATION_SCHEMA.VIEWS`", "proj-1.acme.INFORMATION_SCHEMA.VIEWS"],
  ["SELECT IF(b.x > 1, 'a', 'b') AS `odd name` FROM billing b", "billing"],
  ["SELECT '日本😀', b.x FROM acme.billing b WHERE b.`größe` = '😀.😀'", "acme.billing"],
  [
    "SELECT * FROM api_keys, cloud_credentials, pipeline_runs, step_logs, dq_results",
    "api_keys",
    "cloud_credentials",
    "pipeline_runs",
    "step_logs",
    "dq_results",
  ],
];

test(`${EVIL.length} statements that reach beyond are refused, all alike`, async (t) => {
  for (const sql of EVIL) {
    await t.test(sql.slice(0, 100) || "(empty)", () => {
      const verdict = checkIsolation(sql, OWN);
      assert.ok(!verdict.ok, "refused");
      assert.equal(verdict.message, ISOLATION_MESSAGE);
    });
  }
});

test(`${LEGITIMATE.length} statements that stay at home are let through, their tables listed`, async (t) => {
  for (const [sql, ...tables] of LEGITIMATE) {
    await t.test(sql.slice(0, 100), () => {
      const verdict = checkIsolation(sql, OWN);
      assert.ok(verdict.ok, JSON.stringify(verdict));
      const named = verdict.tables.map(({ project, dataset, table }) =>
        [project, dataset, table].filter((part) => part !== undefined).join("."),
      );
      assert.deepEqual(named.sort(), tables.sort());
    });
  }
});

test("a name is a query's own only where it is in scope", () => {
  const found = referencedTables("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) JOIN a USING (x)");
  assert.deepEqual(found, { tables: [{ table: "a" }] });
  const before = referencedTables(
    "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a JOIN b USING (x)",
  );
  assert.deepEqual(before, { tables: [{ table: "b" }] });
});

test("the tables of a dry run are judged in full, views resolved", () => {
  const own = { project: "proj-1", dataset: "acme", table: "billing" };
  assert.ok(checkDryRun([own], OWN).ok);
  assert.ok(checkDryRun([], OWN).ok);
  for (const foreign of [
    { ...own, dataset: "evil" },
    { ...own, project: "proj-2" },
  ]) {
    const verdict = checkDryRun([own, foreign], OWN);
    assert.ok(!verdict.ok);
    assert.equal(verdict.message, ISOLATION_MESSAGE);
  }
});

test("what the parser drops is missed by the second reading", () => {
  const sql = "SELECT a.b FROM `c`";
  const whole = {
    selects: 1,
    spans: [
      { start: 7, end: 10 },
      { start: 16, end: 19 },
    ],
  };
  assert.equal(checkLexically(sql, whole), null);
  assert.equal(checkLexically(sql, { ...whole, selects: 0 }), "a part of it was not understood");
  for (const span of whole.spans) {
    assert.equal(checkLexically(sql, { ...whole, spans: [span] }), "a part of it was not understood");
  }
});

interface Fixture {
  name: string;
  query: string;
}

test("of BigQuery's own fixtures no SELECT is misread", async (t) => {
  const file = join(
    import.meta.dirname,
    "..",
    "..",
    "..",
    "..",
    "shared",
    "data",
    "bigquery-corpus",
    "fixtures.jsonl",
  );
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null)
    return t.diagnostic("no corpus on this machine: the statements above are all that is checked");
  let judged = 0;
  for (const line of text.trim().split("\n")) {
    const { name, query }: Fixture = JSON.parse(line);
    const sql = query.replace(/\$\{PROJECT\}/g, OWN.project).replace(/\$\{DATASET(_ID)?\}/g, OWN.dataset);
    const verdict = checkIsolation(sql, OWN);
    if (!/^\s*(?:--.*\n\s*)*(?:select|with|\()/i.test(sql)) assert.ok(!verdict.ok, name);
    else if (!verdict.ok) assert.doesNotMatch(verdict.reason, /not understood|cannot be read/, name);
    judged++;
  }
  assert.ok(judged > 500);
});
