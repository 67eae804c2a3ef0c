/** Each check against hand-made tables on the local BigQuery, by the real client. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { CHECK_TYPES } from "@convergence/pipeline/data-quality/index.ts";
import { parse } from "csv-parse/sync";
import { type QualityBench, qualityBench } from "../testing/quality.ts";
import { CASES, COLUMNS } from "../testing/quality-cases.ts";

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
test("every check is tried", () => {
  const tried = new Set(CASES.map(({ check }) => /^\w+/.exec(check)?.[0]));
  assert.deepEqual([...tried].sort(), CHECK_TYPES.map(({ name }) => name).sort());
});

describe("a check", () => {
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
  let tables = 0;

  for (const { check, bad, failed, sample, empty = true, nulls = true } of CASES) {
    test(check, async () => {
      const holds = async (table: string): Promise<boolean> => {
        const { overall_status, failed_expectations } = await bench.found(table, [check]);
        assert.notEqual(failed_expectations[0]?.failed, null, String(failed_expectations[0]?.observed));
        return overall_status === "PASS";
      };
      assert.equal(await holds("good"), true, "on the good table");
      assert.equal(await holds("empty"), empty, "without rows");
      assert.equal(await holds("nulls"), nulls, "of NULLs alone");
      let table = "good";
      if (typeof bad !== "string") {
        tables += 1;
        table = `bad_${tables}`;
        await bench.sql(`CREATE TABLE ${table} (${COLUMNS})`);
        await bench.sql(`INSERT INTO ${table} VALUES ${bad.join(", ")}`);
      }
      const shown = check.startsWith("expression") ? "sample_columns: [twin]" : "";
      const { overall_status, failed_expectations } = await bench.found(
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
});
