/** Each check against hand-made tables on the local BigQuery, by the real client. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { CHECK_TYPES } from "@convergence/pipeline/data-quality/index.ts";
import { parse } from "csv-parse/sync";
import { type StepBench, stepBench } from "../testing/steps.ts";

/** The vocabulary's names (../shared/data/dq), and ours. */
const VOCABULARY: Record<string, string> = {
  not_null: "not_null",
  "unique (compound)": "unique_combination",
  unique: "unique",
  "column exists / schema": "columns_exist",
  "accepted values": "accepted_values",
  "relationships (foreign key)": "relationships",
  "null share": "null_share",
  "expression is true": "expression",
  "value range": "value_range",
  type: "column_type",
  "row count equals source": "row_count_equals",
  "row count range": "row_count",
  "regex / format": "regex",
  "no overlapping ranges": "no_overlap",
  "not empty string": "not_empty",
  "freshness / recency": "freshness",
  "aggregate reconciles": "aggregate",
  "multi-column sum": "multi_column_sum",
  "pair order": "pair_order",
  "gap in days": "no_gaps",
  outlier: "outlier",
};

test("the checks are those of the vocabulary", () => {
  assert.deepEqual(CHECK_TYPES.map(({ name }) => name).sort(), Object.values(VOCABULARY).sort());
  const file = path.join(import.meta.dirname, "../../../../shared/data/dq/dq_check_vocabulary.csv");
  if (!existsSync(file))
    return console.error(`${file} is not here: the names are compared with this test's own`);
  const rows: { check: string }[] = parse(readFileSync(file, "utf8"), { columns: true });
  assert.deepEqual(rows.map(({ check }) => check).sort(), Object.keys(VOCABULARY).sort());
});

/** A column list and rows of `good`, a table that every check below holds for. */
const COLUMNS =
  "id INT64, twin INT64, day DATE, starts TIMESTAMP, ends TIMESTAMP, currency STRING, share_a FLOAT64, share_b FLOAT64, cost NUMERIC, tags JSON, service STRUCT<id STRING, description STRING>, labels ARRAY<STRING>";

/** A row: its id, its day in November 2025, and what is not as usual. */
function row(id: number, day: number, but: Partial<Record<string, string>> = {}): string {
  const date = `2025-11-${String(day).padStart(2, "0")}`;
  const usual: Record<string, string> = {
    id: String(id),
    twin: String(id),
    day: `DATE '${date}'`,
    starts: `TIMESTAMP '${date} 00:00:00Z'`,
    ends: `TIMESTAMP '${date} 12:00:00Z'`,
    currency: "'USD'",
    share_a: "0.1",
    share_b: "0.9",
    cost: "NUMERIC '1.5'",
    tags: "JSON '{}'",
    service: "STRUCT('s1', 'Run')",
    labels: "['a']",
  };
  return `(${Object.entries({ ...usual, ...but })
    .map(([, value]) => value)
    .join(", ")})`;
}

/** What a row of NULLs alone has in place of the usual. */
const NOTHING = Object.fromEntries(
  "id twin day starts ends currency share_a share_b cost tags service"
    .split(" ")
    .map((name) => [name, "NULL"]),
);

interface Case {
  /** The check, as a template writes it in braces. */
  check: string;
  /** One on the same table that fails, or a table of rows on which the check fails. */
  bad: string | string[];
  failed: number;
  /** What a sample shows. */
  sample?: string | Record<string, string | number | null>;
  /** Whether it holds for a table without rows, and for one of NULLs alone. */
  empty?: boolean;
  nulls?: boolean;
}

const GOOD = [row(1, 1), row(2, 2), row(3, 3)];

const CASES: Case[] = [
  {
    check: "not_null, columns: [id, service.description]",
    bad: [...GOOD, row(4, 4, { service: "STRUCT('s1', NULL)" }), row(5, 4, { id: "NULL" })],
    failed: 2,
    sample: { id: 4, service_description: null },
    nulls: false,
  },
  {
    check: "not_empty, column: currency",
    bad: [...GOOD, row(4, 4, { currency: "' '" })],
    failed: 1,
    sample: { currency: " " },
  },
  { check: "unique, column: id", bad: [...GOOD, row(3, 4)], failed: 2, sample: { id: 3 } },
  { check: "unique, column: twin", bad: "unique, column: share_a", failed: 3, sample: { share_a: 0.1 } },
  {
    check: "unique_combination, columns: [day, id]",
    bad: [...GOOD, row(3, 3), row(3, 4)],
    failed: 2,
    sample: { day: "2025-11-03", id: 3 },
    nulls: false,
  },
  {
    check: "columns_exist, columns: [ID, labels, service.id]",
    bad: "columns_exist, columns: [id, nope, service.nope]",
    failed: 2,
    sample: "nope is missing",
  },
  {
    check: "column_type, column: labels, is: ARRAY",
    bad: "column_type, column: day, is: TIMESTAMP",
    failed: 1,
    sample: "day is DATE",
  },
  {
    check: "accepted_values, column: currency, values: [USD, EUR]",
    bad: [...GOOD, row(4, 4, { currency: "'usd'" })],
    failed: 1,
    sample: { currency: "usd" },
  },
  {
    check: "accepted_values, column: twin, values: [1, 2, 3]",
    bad: "accepted_values, column: twin, values: [1.5, 2]",
    failed: 2,
    sample: { twin: 1 },
  },
  {
    check: "relationships, column: id, to: other, field: id",
    bad: [...GOOD, row(9, 4)],
    failed: 1,
    sample: { id: 9 },
  },
  {
    check: "null_share, column: currency, max: 0.25",
    bad: [...GOOD, row(4, 4, { currency: "NULL" }), row(5, 5, { currency: "NULL" })],
    failed: 2,
    nulls: false,
  },
  {
    check: "expression, expression: cost >= 0 AND id < {least}",
    bad: "expression, expression: id < 3",
    failed: 1,
    sample: { twin: 3 },
  },
  {
    check: "value_range, column: cost, min: 0.5, max: 2",
    bad: [...GOOD, row(4, 4, { cost: "NUMERIC '-1'" })],
    failed: 1,
    sample: { cost: -1 },
  },
  {
    check: "value_range, column: day, min: 2025-11-01",
    bad: 'value_range, column: starts, max: "2025-11-02T00:00:00Z"',
    failed: 1,
    sample: { starts: "2025-11-03T00:00:00Z" },
  },
  {
    check: "row_count_equals, to: other, where: id < 4",
    bad: "row_count_equals, to: other",
    failed: 2,
    empty: false,
    nulls: false,
  },
  { check: "row_count, min: 1, max: 3", bad: [...GOOD, row(4, 4)], failed: 1, empty: false },
  {
    check: 'regex, column: currency, pattern: "^[A-Z]{{3}}$"',
    bad: [...GOOD, row(4, 4, { currency: "'US'" })],
    failed: 1,
    sample: { currency: "US" },
  },
  {
    check: "no_overlap, start: starts, end: ends, by: [currency]",
    bad: [...GOOD, row(4, 3)],
    failed: 1,
    sample: { currency: "USD", starts: "2025-11-03T00:00:00Z", ends: "2025-11-03T12:00:00Z" },
  },
  { check: "no_overlap, start: starts, end: ends", bad: [row(1, 1, { ends: "NULL" }), row(2, 2)], failed: 1 },
  {
    check: "freshness, column: ends, max_age_hours: 1000000",
    bad: "freshness, column: day, max_age_hours: 1",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: SUM(cost), equals: 4.5",
    bad: "aggregate, aggregate: SUM(cost), equals: 4.6",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: SUM(cost), equals: 4.6, tolerance: 0.1",
    bad: "aggregate, aggregate: SUM(cost), equals: 4.6, tolerance: 0.09",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: SUM(cost), equals: 5, tolerance: 10%",
    bad: "aggregate, aggregate: SUM(cost), equals: 5, tolerance: 9%",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: COUNT(*) + 2, equals_query: SELECT COUNT(*) FROM other; -- all",
    bad: "aggregate, aggregate: COUNT(*), equals_query: SELECT COUNT(*) FROM other",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "multi_column_sum, columns: [share_a, share_b], equals: 1",
    bad: "multi_column_sum, columns: [share_a, share_b], equals: 1.1, tolerance: 0.05",
    failed: 3,
    sample: { share_a: 0.1, share_b: 0.9 },
  },
  {
    check: "pair_order, greater: ends, lesser: starts",
    bad: [...GOOD, row(4, 4, { ends: "TIMESTAMP '2025-11-04 00:00:00Z'" })],
    failed: 1,
  },
  {
    check: "pair_order, greater: id, lesser: twin, or_equal: true",
    bad: "pair_order, greater: id, lesser: twin",
    failed: 3,
    sample: { twin: 1, id: 1 },
  },
  { check: "no_gaps, column: day", bad: [...GOOD, row(4, 6)], failed: 2, sample: "2025-11-04" },
  {
    check: "no_gaps, column: starts, from: 2025-11-01, to: 2025-11-03",
    bad: "no_gaps, column: day, to: 2025-11-04",
    failed: 1,
    sample: "2025-11-04",
    empty: false,
    nulls: false,
  },
  {
    check: "outlier, column: cost, by: day, deviations: 2",
    bad: [...Array.from({ length: 9 }, (_, i) => row(i, i + 1)), row(10, 10, { cost: "NUMERIC '99'" })],
    failed: 1,
    sample: { key: "2025-11-10", value: 99 },
  },
  {
    check: "outlier, column: cost",
    bad: [...Array.from({ length: 20 }, (_, i) => row(i, i + 1)), row(21, 21, { cost: "NUMERIC '99'" })],
    failed: 1,
    sample: { key: null, value: 99 },
  },
];

test("every check is tried", () => {
  const tried = new Set(CASES.map(({ check }) => /^\w+/.exec(check)?.[0]));
  assert.deepEqual([...tried].sort(), CHECK_TYPES.map(({ name }) => name).sort());
});

/** A template of one step with these checks. */
function template(table: string, checks: string[], more = ""): string {
  const list = checks.map(
    (check) =>
      `      - { check: ${check.replace(/((?:expression|aggregate|equals_query|where): )([^,"]+)/g, '$1"$2"')} }`,
  );
  return `parameters: { least: { type: int, default: 9 } }
steps:
  - step_id: checks
    type: data_quality
    table: ${table}
    ${more}
    checks:
${list.join("\n")}
`;
}

interface Found {
  overall_status: string;
  expectations_passed: number;
  expectations_failed: number;
  failed_expectations: {
    check: string;
    failed: number | null;
    observed: string;
    severity: string;
    samples: unknown[];
  }[];
}

describe("a check", () => {
  let bench: StepBench;
  let close: () => unknown = () => undefined;
  let runs = 0;
  before(async () => {
    bench = await stepBench({
      after: (end) => {
        close = end;
      },
    });
    await bench.sql("CREATE TABLE other AS SELECT id FROM UNNEST([1, 2, 3, 4, 5]) AS id");
    await bench.sql(`CREATE TABLE good (${COLUMNS})`);
    await bench.sql(`CREATE TABLE empty (${COLUMNS})`);
    await bench.sql(`CREATE TABLE nulls (${COLUMNS})`);
    await bench.sql(`INSERT INTO good VALUES ${GOOD.join(", ")}`);
    const none = row(0, 1, { ...NOTHING, labels: "[]" });
    await bench.sql(`INSERT INTO nulls VALUES ${none}, ${none}`);
  });
  after(() => close());

  async function found(table: string, checks: string[], more = ""): Promise<Found> {
    runs += 1;
    const run = `run-${runs}`;
    const outcome = await bench.step(template(table, checks, more), { run });
    assert.ok(outcome.result, JSON.stringify(outcome));
    const [result] = await bench.rows(
      `SELECT overall_status, expectations_passed, expectations_failed, failed_expectations FROM dq_results WHERE pipeline_logging_id = '${run}'`,
    );
    const {
      overall_status,
      expectations_passed,
      expectations_failed,
      failed_expectations,
    }: Record<string, unknown> = result ?? {};
    assert.ok(Array.isArray(failed_expectations));
    return {
      overall_status: String(overall_status),
      expectations_passed: Number(expectations_passed),
      expectations_failed: Number(expectations_failed),
      failed_expectations,
    };
  }

  for (const { check, bad, failed, sample, empty = true, nulls = true } of CASES) {
    test(check, async () => {
      const holds = async (table: string): Promise<boolean> => {
        const { overall_status, failed_expectations } = await found(table, [check]);
        assert.notEqual(failed_expectations[0]?.failed, null, String(failed_expectations[0]?.observed));
        return overall_status === "PASS";
      };
      assert.equal(await holds("good"), true, "on the good table");
      assert.equal(await holds("empty"), empty, "without rows");
      assert.equal(await holds("nulls"), nulls, "of NULLs alone");
      let table = "good";
      if (typeof bad !== "string") {
        table = `bad_${runs}`;
        await bench.sql(`CREATE TABLE ${table} (${COLUMNS})`);
        await bench.sql(`INSERT INTO ${table} VALUES ${bad.join(", ")}`);
      }
      const shown = check.startsWith("expression") ? "sample_columns: [twin]" : "";
      const { overall_status, failed_expectations } = await found(
        table,
        [typeof bad === "string" ? bad : check],
        shown,
      );
      assert.equal(overall_status, "FAIL");
      assert.equal(failed_expectations.length, 1);
      const [failure] = failed_expectations;
      assert.equal(failure?.failed, failed, String(failure?.observed));
      if (sample !== undefined)
        assert.ok(
          failure?.samples.some((one) => isDeepStrictEqual(one, sample)),
          JSON.stringify(failure),
        );
      assert.ok((failure?.samples.length ?? 0) <= 5);
    });
  }

  test("all at once are one statement, each with its own result", async () => {
    const checks = CASES.flatMap(({ check, bad }) => (typeof bad === "string" ? [check, bad] : [check]));
    const result = await found("good", checks);
    const failing = CASES.filter(({ bad }) => typeof bad === "string").length;
    assert.deepEqual(
      [result.expectations_passed, result.expectations_failed],
      [checks.length - failing, failing],
    );
  });

  test("all checks of one table read it once", async () => {
    const checks = CASES.map(({ check }) => check).filter((check) => !check.includes("other"));
    assert.ok(checks.length > 20);
    const done = await bench.step(template("good", checks), { run: "once" });
    const { bytesProcessed } = await bench.warehouse.dryRun({
      sql: "SELECT * FROM good",
      params: [],
      defaultDataset: "Acme_1",
    });
    assert.ok((done.result?.bytes ?? Number.NaN) <= 1.2 * bytesProcessed);
  });

  test("severities make the whole a PASS, a WARNING or a FAIL; mode warn lets the step complete", async () => {
    const fails = (severity: string): string => `row_count, min: 9, severity: ${severity}`;
    assert.equal((await found("good", [fails("info")])).overall_status, "PASS");
    assert.equal((await found("good", [fails("info"), fails("warn")])).overall_status, "WARNING");
    const text = template("good", [fails("warn"), fails("fail"), "not_null, columns: [id]"]);
    const failed = await bench.step(text, { run: "severe" });
    assert.ok(!failed.ok);
    assert.equal(failed.retryable, false);
    assert.equal(failed.message, "2 of 3 checks of good failed: row_count(9 to any): 1. See dq_results.");
    const warned = await bench.step(template("good", [fails("fail")], "mode: warn"), { run: "mild" });
    assert.ok(warned.ok);
    assert.equal(warned.result.metadata?.overall_status, "FAIL");
    assert.equal(warned.result.rows, 3);
    assert.ok((warned.result.bytes ?? 0) > 0);
  });

  test("a check that cannot be made fails the whole, whatever its severity, and says why", async () => {
    const cases: [check: string, says: RegExp][] = [
      ["not_null, columns: [nope]", /the table has no column nope/],
      ["unique, column: labels", /labels is an array/],
      ["not_null, columns: ['id` IS NULL']", /is no column's name/],
      ["value_range, column: tags, min: 1", /tags` is a JSON: its values cannot be compared/],
      ["regex, column: id, pattern: x", /id is a INTEGER, not a STRING/],
      ["row_count, min: '{run_id}'", /min must be a whole number/],
      ["relationships, column: id, to: 'other` o, x', field: id", /is no table's name/],
    ];
    for (const [check, says] of cases) {
      const { overall_status, failed_expectations } = await found("good", [`${check}, severity: info`]);
      assert.deepEqual([overall_status, failed_expectations[0]?.failed], ["FAIL", null], check);
      assert.match(failed_expectations[0]?.observed ?? "", says);
    }
  });

  test("where says which rows are checked", async () => {
    const checks = ["row_count, max: 2", "value_range, column: id, max: 2"];
    assert.equal(
      (await found("good", checks, "where: id < {least} AND day < '2025-11-03'")).overall_status,
      "PASS",
    );
    assert.equal((await found("good", checks)).expectations_failed, 2);
  });

  test("a try that is executed again has its result once", async () => {
    const text = template("good", ["row_count, min: 1"]);
    for (const attempt of [1, 2]) assert.ok((await bench.step(text, { run: "again", attempt })).ok);
    assert.ok((await bench.step(text, { run: "again", attempt: 3, try: 2 })).ok);
    const rows = await bench.rows(
      "SELECT dq_result_id, tenant_id, target_table, dq_config_id, ingestion_date FROM dq_results WHERE pipeline_logging_id = 'again' ORDER BY 1",
    );
    const common = {
      tenant_id: "Acme_1",
      target_table: "good",
      dq_config_id: "gcp/cost/tried/checks",
      ingestion_date: "2025-11-16",
    };
    assert.deepEqual(rows, [
      { dq_result_id: "again-0-1", ...common },
      { dq_result_id: "again-0-2", ...common },
    ]);
  });

  test("checks reach no other tenant's data", async () => {
    const cases = [
      template("good", ["row_count_equals, to: other, where: id IN (SELECT id FROM Other_1.billing)"]),
      template("good", ["row_count, min: 1"], "where: EXISTS (SELECT 1 FROM `Other_1.billing`)"),
      template("good", [
        "aggregate, aggregate: COUNT(*), equals_query: SELECT COUNT(*) FROM Other_1.billing",
      ]),
    ];
    for (const [i, text] of cases.entries()) {
      const outcome = await bench.step(text, { run: `foreign-${i}` });
      assert.ok(!outcome.ok);
      assert.match(outcome.message, /the query is refused/);
    }
  });

  test("a missing table is told", async () => {
    const outcome = await bench.step(template("nowhere", ["row_count, min: 1"]), { run: "none" });
    assert.ok(!outcome.ok);
    assert.match(outcome.message, /Table nowhere, which is to be checked, is missing/);
  });

  test("a reconciliation is one such check, in a step of its own", async () => {
    const step = (equals: string): string =>
      `parameters: { total: { type: float, default: 4.5 }, date: { type: date, default: 2025-11-02 } }
steps:
  - { step_id: sum, type: reconciliation, table: good, where: "day >= '{date}'", aggregate: SUM(cost), ${equals} }
`;
    const good = await bench.step(step('equals: "{total}", tolerance: 1.5'), { run: "sum-1" });
    assert.ok(good.ok, JSON.stringify(good));
    const bad = await bench.step(step('equals_query: "SELECT SUM(cost) FROM good"'), { run: "sum-2" });
    assert.equal(
      !bad.ok && bad.message,
      "1 of 1 checks of good failed: aggregate(SUM(cost)): 1. See dq_results.",
    );
    const rows = await bench.rows(
      "SELECT overall_status, ingestion_date, JSON_VALUE(failed_expectations, '$[0].observed') AS observed FROM dq_results WHERE dq_config_id LIKE '%/sum' ORDER BY pipeline_logging_id",
    );
    assert.deepEqual(rows, [
      { overall_status: "PASS", ingestion_date: "2025-11-02", observed: null },
      { overall_status: "FAIL", ingestion_date: "2025-11-02", observed: "3, expected 4.5" },
    ]);
  });
});
