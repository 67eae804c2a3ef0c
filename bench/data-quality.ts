import { startLocalBigQuery } from "@convergence/local-bigquery";
import { parseTemplate, resolve } from "@convergence/pipeline";
import { qualityStatement } from "@convergence/pipeline/data-quality/statement.ts";
import { qualityVerdict } from "@convergence/pipeline/data-quality/verdict.ts";
import { bigQueryWarehouse } from "@convergence/warehouse/bigquery/warehouse.ts";
import type { Warehouse } from "@convergence/warehouse/port.ts";

const ROWS = 1_000_000;
const PROJECT = "bench";
const TENANT = "bench_tenant";

const MADE = `CREATE TABLE costs AS
SELECT i AS id, DATE_ADD(DATE '2025-01-01', INTERVAL MOD(i, 300) DAY) AS day, MOD(i, 50) AS sku,
  CONCAT('service-', CAST(MOD(i, 20) AS STRING)) AS service, 'USD' AS currency, 1.0 + MOD(i, 97) / 10 AS cost,
  TIMESTAMP_ADD(TIMESTAMP '2025-01-01 00:00:00Z', INTERVAL i SECOND) AS starts,
  TIMESTAMP_ADD(TIMESTAMP '2025-01-01 00:00:01Z', INTERVAL i SECOND) AS ends, 0.25 AS share_a, 0.75 AS share_b
FROM UNNEST(GENERATE_ARRAY(1, ${ROWS})) AS i`;

/** Twenty checks, all of which hold: what a table costs each day. */
const TEMPLATE = `steps:
  - step_id: checks
    type: data_quality
    table: costs
    checks:
      - { check: columns_exist, columns: [id, day, cost] }
      - { check: column_type, column: day, is: DATE }
      - { check: row_count, min: ${ROWS}, max: ${ROWS} }
      - { check: not_null, columns: [id, day, sku, service] }
      - { check: not_null, columns: [cost] }
      - { check: not_empty, column: service }
      - { check: null_share, column: currency, max: 0 }
      - { check: unique, column: id }
      - { check: unique_combination, columns: [sku, starts] }
      - { check: accepted_values, column: currency, values: [USD, EUR] }
      - { check: regex, column: currency, pattern: "^[A-Z]{{3}}$" }
      - { check: regex, column: service, pattern: "^service-[0-9]+$" }
      - { check: value_range, column: cost, min: 0, max: 100 }
      - { check: value_range, column: day, min: 2025-01-01 }
      - { check: expression, expression: "cost >= 1 AND sku < 50" }
      - { check: pair_order, greater: ends, lesser: starts }
      - { check: multi_column_sum, columns: [share_a, share_b], equals: 1 }
      - { check: no_gaps, column: day }
      - { check: outlier, column: cost, by: day, deviations: 4 }
      - { check: aggregate, aggregate: COUNT(DISTINCT day), equals: 300 }
`;

/** Twenty checks of a million rows: the bytes that their one statement reads, against one scan, and its time. */
export async function benchDataQuality(): Promise<void> {
  const server = await startLocalBigQuery({ host: "127.0.0.1", port: 0, file: null });
  const options = { project: PROJECT, location: "US", endpoint: server.url, requestTimeoutMs: 300_000 };
  const warehouse = bigQueryWarehouse(options);
  try {
    await warehouse.createDataset(TENANT, {}, "Bench");
    await run(warehouse, { sql: MADE, params: [] }, "made");
    const scan = await run(
      warehouse,
      { sql: "SELECT MAX(TO_JSON_STRING(t)) AS m FROM costs t", params: [] },
      "scan",
    );
    const { sql, params, checks } = await statement(warehouse);
    const checked = await run(warehouse, { sql, params }, "checks");
    const [row = {}] = await warehouse.jobRows("checks");
    const { status, failures } = qualityVerdict(checks, row);
    const times = (checked.bytes / scan.bytes).toFixed(2);
    console.log(
      `${checks.length} checks of ${ROWS.toLocaleString("en")} rows: ${status}, ${Math.round(checked.ms)} ms (a scan: ${Math.round(scan.ms)} ms); ${checked.bytes} bytes, ${times} of one scan's ${scan.bytes}`,
    );
    if (status !== "PASS") throw new Error(JSON.stringify(failures));
    if (checked.bytes > 1.2 * scan.bytes) throw new Error("more than 1.2 times one scan");
  } finally {
    await server.close();
  }
}

async function statement(warehouse: Warehouse): Promise<ReturnType<typeof qualityStatement>> {
  const parsed = parseTemplate(TEMPLATE, "bench", { provider: "bench", domain: "bench", name: "bench" });
  if ("faults" in parsed) throw new Error(JSON.stringify(parsed.faults));
  const resolved = resolve(parsed.template, { tenantId: TENANT, runId: "r", project: PROJECT, values: {} });
  if ("problems" in resolved) throw new Error(JSON.stringify(resolved.problems));
  const [step] = resolved.ok.steps;
  const table = await warehouse.getTable({ dataset: TENANT, table: "costs" });
  if (step?.type !== "data_quality" || table === null) throw new Error("nothing to check");
  return qualityStatement(step, table.schema.fields, new Date(0).toISOString());
}

/** Runs a query as a job of this id. */
async function run(
  warehouse: Warehouse,
  query: Pick<ReturnType<typeof qualityStatement>, "sql" | "params">,
  jobId: string,
): Promise<{ bytes: number; ms: number }> {
  const begun = performance.now();
  await warehouse.submitQuery({ jobId, ...query, defaultDataset: TENANT, destination: null, labels: {} });
  for (;;) {
    const { state, error, bytesProcessed } = await warehouse.waitForJob(jobId, 60_000);
    if (error !== null) throw new Error(`${error.reason}: ${error.message}`);
    if (state === "DONE") return { bytes: bytesProcessed, ms: performance.now() - begun };
  }
}
