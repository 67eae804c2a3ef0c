import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import { topicSpecs } from "@convergence/contracts";
import { startLocalBigQuery } from "@convergence/local-bigquery";
import { loadTableShapes } from "@convergence/pipeline";
import { systemClock } from "@convergence/runtime/clock.ts";
import { metrics } from "@convergence/runtime/metrics.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { bigQueryWarehouse } from "@convergence/warehouse";
import { NO_KEYS } from "../testing/no-secrets.ts";
import { RunLog, until } from "../testing/runs.ts";
import { Projection } from "./projection.ts";

const TENANTS = 500;
const PROJECT = "p";
const shapes = await loadTableShapes(path.join(import.meta.dirname, "../../../configs/metadata/schemas"));

/** Passes requests on to `port`, and keeps the paths of all. */
async function countingProxy(t: TestContext, port: number): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((asked, answer) => {
    seen.push(`${asked.method} ${asked.url?.split("?")[0]}`);
    const { method, url: path, headers } = asked;
    const passed = request({ host: "127.0.0.1", port, method, path, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    });
    passed.on("error", (error) => answer.destroy(error));
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { url: `http://127.0.0.1:${address.port}`, seen };
}

test(`${TENANTS} tenants of one run each: at most 4 warehouse requests a tenant for a flush, and every row`, async (t) => {
  const local = await startLocalBigQuery({ host: "127.0.0.1", port: 0, file: null });
  t.after(() => local.close());
  const proxy = await countingProxy(t, local.port);
  const topics = topicSpecs(4);
  const bus = openEmbeddedBus({ file: ":memory:", topics, clock: systemClock, random: systemRandom });
  t.after(() => bus.close());
  const direct = bigQueryWarehouse({ project: PROJECT, location: "US", endpoint: local.url });
  const tenants = Array.from({ length: TENANTS }, (_, n) => `tenant_${n}`);
  for (const dataset of tenants) {
    await direct.createDataset(dataset, {}, "");
    await Promise.all(
      (["pipeline_runs", "step_logs"] as const).map((table) =>
        direct.createTable({ dataset, table }, shapes[table]),
      ),
    );
  }
  const counted = bigQueryWarehouse({ project: PROJECT, location: "US", endpoint: proxy.url });
  let jobsDone = 0;
  const projection = new Projection({
    keys: NO_KEYS,
    bus,
    warehouse: {
      ...counted,
      async waitForJob(jobId, ms) {
        const job = await counted.waitForJob(jobId, ms);
        if (job.state === "DONE") jobsDone += 1;
        return job;
      },
    },
    clock: systemClock,
    instance: "one",
    log: { debug() {}, info() {}, warn: (detail) => assert.fail(JSON.stringify(detail)), error() {} },
    metrics: metrics(),
    slots: 1,
    inbox: null,
    flushMs: 500,
  });
  await new RunLog(bus).runs(tenants.map((tenant) => ({ tenant, id: `run-${tenant}` })));
  const begun = performance.now();
  await projection.start();
  await until("each table has its batch", () => jobsDone === 2 * TENANTS, 120_000);
  const each = proxy.seen.length / TENANTS;
  t.diagnostic(`${each} requests a tenant, ${Math.round(performance.now() - begun)} ms`);
  assert.ok(each <= 4, `${each} requests a tenant: ${proxy.seen.slice(-8).join(", ")}`);
  await projection.stop();
  for (let from = 0; from < TENANTS; from += 50) {
    const some = tenants.slice(from, from + 50);
    for (const table of ["pipeline_runs", "step_logs"]) {
      const ended = some.map(
        (dataset) => `SELECT pipeline_logging_id FROM \`${dataset}.${table}\` WHERE status = 'COMPLETE'`,
      );
      const sql = `SELECT COUNT(DISTINCT pipeline_logging_id) AS n FROM (${ended.join(" UNION ALL ")})`;
      const rows = await direct.read({ sql, params: [], defaultDataset: "tenant_0" });
      assert.deepEqual(rows, [{ n: some.length }], `${table} from tenant ${from}`);
    }
  }
});
