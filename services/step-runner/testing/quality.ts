import assert from "node:assert/strict";
import { COLUMNS, GOOD, NOTHING, row } from "./quality-cases.ts";
import { type StepBench, stepBench } from "./steps.ts";

/** A template of one step with these checks. */
export function template(table: string, checks: string[], more = ""): string {
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

export interface Found {
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

/** A bench with the tables good, empty, nulls and other. */
export interface QualityBench extends StepBench {
  /** Makes checks of a table, in a run of its own, and gives what dq_results has of it. */
  found(table: string, checks: string[], more?: string): Promise<Found>;
}

export async function qualityBench(t: { after(end: () => unknown): void }): Promise<QualityBench> {
  const bench = await stepBench(t);
  await bench.sql("CREATE TABLE other AS SELECT id FROM UNNEST([1, 2, 3, 4, 5]) AS id");
  await bench.sql(`CREATE TABLE good (${COLUMNS})`);
  await bench.sql(`CREATE TABLE empty (${COLUMNS})`);
  await bench.sql(`CREATE TABLE nulls (${COLUMNS})`);
  await bench.sql(`INSERT INTO good VALUES ${GOOD.join(", ")}`);
  const none = row(0, 1, { ...NOTHING, labels: "[]" });
  await bench.sql(`INSERT INTO nulls VALUES ${none}, ${none}`);
  let runs = 0;
  const found = async (table: string, checks: string[], more = ""): Promise<Found> => {
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
  };
  return { ...bench, found };
}
