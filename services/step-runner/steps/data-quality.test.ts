/** What a data_quality step does, on the local BigQuery by the real client; quality-checks.test.ts has each check. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type QualityBench, qualityBench, template } from "../testing/quality.ts";
import { CASES } from "../testing/quality-cases.ts";

describe("a step of checks", () => {
  let bench: QualityBench;
  let close: () => unknown = () => undefined;
  before(async () => {
    bench = await qualityBench({
      after: (end) => {
        close = end;
      },
    });
  });
  after(() => close());

  test("all at once are one statement, each with its own result", async () => {
    const checks = CASES.flatMap(({ check, bad }) => (typeof bad === "string" ? [check, bad] : [check]));
    const result = await bench.found("good", checks);
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
    assert.equal((await bench.found("good", [fails("info")])).overall_status, "PASS");
    assert.equal((await bench.found("good", [fails("info"), fails("warn")])).overall_status, "WARNING");
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
      const { overall_status, failed_expectations } = await bench.found("good", [`${check}, severity: info`]);
      assert.deepEqual([overall_status, failed_expectations[0]?.failed], ["FAIL", null], check);
      assert.match(failed_expectations[0]?.observed ?? "", says);
    }
  });

  test("where says which rows are checked", async () => {
    const checks = ["row_count, max: 2", "value_range, column: id, max: 2"];
    assert.equal(
      (await bench.found("good", checks, "where: id < {least} AND day < '2025-11-03'")).overall_status,
      "PASS",
    );
    assert.equal((await bench.found("good", checks)).expectations_failed, 2);
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
