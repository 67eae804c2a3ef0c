/** The templates of configs/ on a running platform, with rows in the shape of Google Cloud's billing export. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadBilling, localClient } from "./demo/bigquery.ts";
import { billionths, decimal } from "./demo/billing-rows.ts";
import { gcpRows } from "./demo/gcp-sample.ts";
import { eventually, onboard, tenantClient } from "./testing/http.ts";
import { freshPlace, startPlatform } from "./testing/platform.ts";

const PROJECT = "gac-prod-471220";
const TENANT = "configs_1";
const DATE = "2025-11-15";

/** Each with its day, and how many of its steps check something. */
const TEMPLATES: [template: string, checks: number, date?: string][] = [
  ["gcp/cost/bill-sample-export-template", 0],
  ["gcp/cost/checked-export-template", 1],
  ["gcp/cost/daily-cost-template", 3],
  ["gcp/cost/cost-optimization", 2],
  ["gcp/usage/usage-analytics", 3],
  ["gcp/usage/resource-inventory", 2],
  ["gcp/usage/performance-metrics", 1, new Date().toISOString().slice(0, 10)],
  ["gcp/example/dryrun", 0],
];

async function recorded(rows: (sql: string) => Promise<Record<string, unknown>[]>): Promise<number> {
  const [found] = await rows(
    "SELECT COUNT(*) AS n FROM pipeline_runs WHERE status = 'COMPLETE' AND trigger_type = 'api'",
  );
  return Number(found?.n);
}

test("each template runs to its end, twice, its checks hold, and its sums are right", async (t) => {
  const place = await freshPlace();
  const platform = await startPlatform(place, { LOG_LEVEL: "fatal" });
  t.after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
  });
  const client = tenantClient(platform.url, TENANT, await onboard(platform.url, TENANT));
  const bigQuery = localClient(platform.bigQueryUrl, PROJECT);
  const sample = gcpRows();
  await loadBilling(bigQuery, TENANT, sample);
  const rows = async (sql: string): Promise<Record<string, unknown>[]> => {
    const [found] = await bigQuery.query({ query: sql, defaultDataset: { datasetId: TENANT } });
    return JSON.parse(JSON.stringify(found));
  };

  let ran = 0;
  for (const [template, checks, date = DATE] of TEMPLATES) {
    for (const time of [1, 2]) {
      // It reads what the runs before it left in pipeline_runs, which is written behind them.
      if (template === "gcp/usage/performance-metrics")
        await eventually(
          () => recorded(rows),
          (n) => n >= ran,
        );
      ran += 1;
      const { status, body } = await client.run(template, { date });
      assert.equal(status, 200, JSON.stringify(body));
      const run = await client.finished(body.pipeline_logging_id);
      assert.equal(run.body.status, "COMPLETE", `${template}: ${run.body.error_message}`);
      const found = await rows(
        `SELECT overall_status FROM dq_results WHERE pipeline_logging_id = '${run.body.pipeline_logging_id}'`,
      );
      const statuses = found.map(({ overall_status }) => overall_status);
      assert.deepEqual(statuses, Array(checks).fill("PASS"), `${template}, time ${time}`);
    }
  }

  const day = sample.rows.filter((row) => row.date === DATE);
  const cost = decimal(day.reduce((sum, row) => sum + sample.cost(row), 0n));
  const net = decimal(
    day.reduce(
      (sum, row) =>
        sum + sample.cost(row) + (JSON.stringify(row.credits) === "[]" ? 0n : billionths("-0.01")),
      0n,
    ),
  );
  const sums = await rows(
    "SELECT CAST(SUM(cost) AS STRING) AS cost, CAST(SUM(net_cost) AS STRING) AS net FROM gcp_usage_analytics",
  );
  assert.deepEqual(sums, [{ cost, net }]);
  assert.deepEqual(await rows("SELECT CAST(SUM(net_cost) AS STRING) AS net FROM cost_optimization"), [
    { net },
  ]);
  const [seen] = await rows(
    `SELECT COUNT(*) AS n, MIN(CAST(first_seen AS STRING)) AS first_seen, MAX(CAST(last_seen AS STRING)) AS last_seen FROM \`resource_inventory_${DATE}\``,
  );
  assert.deepEqual([seen?.first_seen, seen?.last_seen], ["2025-11-01", DATE]);
  assert.ok(Number(seen?.n) > 0);
  const measured = await rows("SELECT pipeline_id, runs, failed FROM performance_metrics ORDER BY runs DESC");
  assert.ok(measured.length >= 6, JSON.stringify(measured));
  assert.ok(measured.every(({ failed }) => Number(failed) === 0));
});
