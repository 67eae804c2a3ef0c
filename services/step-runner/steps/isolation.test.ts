/** Steps that reach for another tenant's data, and steps that do not, run as in production on a local BigQuery. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parseTemplate } from "@convergence/pipeline";
import { checkIsolation, ISOLATION_MESSAGE } from "@convergence/pipeline/isolation/index.ts";
import {
  AT_HOME,
  NO_SELECT,
  REACHING,
  REACHING_BY_VARIABLE,
  REACHING_STEPS,
} from "../testing/isolation-cases.ts";
import { type StepBench, stepBench } from "../testing/steps.ts";

const TABLES = [
  `CREATE TABLE billing AS
    SELECT id, IF(id < 3, 'run', 'gke') AS service, DATE '2025-11-15' + MOD(id, 2) AS day, id * 1.5 AS cost,
      STRUCT('x' AS name, STRUCT('own' AS secrets) AS evil) AS owner,
      [STRUCT('team' AS key, 'a' AS value), ('env', 'b')] AS labels
    FROM UNNEST([1, 2, 3, 4]) AS id`,
  "CREATE TABLE budgets AS SELECT 'run' AS service, 10 AS amount UNION ALL SELECT 'gke', 20",
  "CREATE TABLE billing_export_20251115 AS SELECT id FROM billing LIMIT 2",
  "CREATE TABLE billing_export_20251116 AS SELECT id FROM billing LIMIT 1",
  "CREATE TABLE `billing-2025` AS SELECT 1 AS id",
  "CREATE VIEW own_view AS SELECT id FROM Acme_1.billing",
  "CREATE TABLE evil.secrets AS SELECT 'sesame' AS s",
  "CREATE FUNCTION evil.leak() AS ((SELECT MAX(s) FROM evil.secrets))",
  "CREATE VIEW view_of_evil AS SELECT * FROM evil.secrets",
  "CREATE VIEW view_of_view AS SELECT * FROM Acme_1.view_of_evil",
  "CREATE VIEW view_of_catalogue AS SELECT table_name FROM evil.INFORMATION_SCHEMA.TABLES",
  "CREATE VIEW view_of_schemata AS SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA",
  "CREATE FUNCTION Acme_1.leak_of_evil() AS ((SELECT MAX(s) FROM evil.secrets))",
];

/** A step that runs a query; braces are text. */
function query(sql: string): string {
  return `step_id: q\ntype: bigquery_query\nquery: ${JSON.stringify(sql.replace(/[{}]/g, "$&$&"))}`;
}

describe("a step", () => {
  let bench: StepBench;
  let close: () => unknown = () => undefined;
  before(async () => {
    bench = await stepBench({
      after: (end) => {
        close = end;
      },
    });
    await bench.warehouse.createDataset("evil", { tenant: "evil" }, "Tests");
    for (const sql of TABLES) await bench.sql(sql);
  });
  after(() => close());
  let runs = 0;
  const refusal = async (step: string): Promise<unknown> => {
    const outcome = await bench.step(step, { run: `run-${++runs}`, body: { other: "evil" } });
    return outcome.ok ? outcome.result : outcome.message;
  };

  for (const sql of REACHING) {
    test(`is refused: ${sql}`, async () => {
      assert.equal(await refusal(query(sql)), ISOLATION_MESSAGE);
    });
    // What is not there gets the same answer, so that nobody can find out what is.
    const nowhere = sql.replaceAll("evil", "nobody").replaceAll("secrets", "nothing");
    if (/\bevil\b/.test(sql))
      test(`is refused all the same: ${nowhere}`, async () => {
        assert.equal(await refusal(query(nowhere)), ISOLATION_MESSAGE);
      });
  }

  for (const sql of NO_SELECT) {
    test(`is refused, and its template: ${sql}`, () => {
      const template = `steps:\n  - ${query(sql).replaceAll("\n", "\n    ")}\n`;
      const parsed = parseTemplate(template, "t.yml", { provider: "p", domain: "d", name: "t" });
      assert.ok("faults" in parsed);
      const verdict = checkIsolation(sql, { project: "gac-prod-471220", dataset: "Acme_1" });
      assert.equal(!verdict.ok && verdict.message, ISOLATION_MESSAGE);
    });
  }

  for (const sql of REACHING_BY_VARIABLE) {
    test(`is refused, a variable naming the other: ${sql}`, async () => {
      const step = `step_id: q\ntype: bigquery_query\nquery: ${JSON.stringify(sql)}`;
      const template = `parameters: { other: { type: string } }\nsteps:\n  - ${step.replaceAll("\n", "\n    ")}\n`;
      assert.equal(await refusal(template), ISOLATION_MESSAGE);
    });
  }

  for (const step of REACHING_STEPS) {
    test(`is refused: ${step.replaceAll("\n", ", ")}`, async () => {
      assert.equal(await refusal(step), ISOLATION_MESSAGE);
    });
  }

  for (const [sql, rows] of AT_HOME) {
    test(`runs: ${sql}`, async () => {
      const into = `${query(sql)}\ndestination: { table: result_${++runs} }`;
      const outcome = await bench.step(into, { run: `run-${runs}` });
      assert.equal(outcome.ok && outcome.result.rows, rows, JSON.stringify(outcome));
    });
  }

  test("the other tenant's tables are as they were", async () => {
    assert.deepEqual(await bench.rows("SELECT s FROM evil.secrets"), [{ s: "sesame" }]);
    assert.deepEqual(await bench.rows("SELECT table_name FROM evil.INFORMATION_SCHEMA.TABLES"), [
      { table_name: "secrets" },
    ]);
  });
});
