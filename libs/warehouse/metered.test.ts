import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, sleep, systemClock } from "@convergence/runtime/clock.ts";
import { type Metrics, metrics } from "@convergence/runtime/metrics.ts";
import { describeWarehouse } from "./contract-suite.ts";
import { type Faults, type MemoryWarehouseOptions, memoryWarehouse } from "./memory/warehouse.ts";
import { meteredWarehouse } from "./metered.ts";
import { type QueryJob, type Warehouse, WarehouseError } from "./port.ts";

const tablesOf: MemoryWarehouseOptions["tablesOf"] = ({ sql, defaultDataset }) =>
  [...sql.matchAll(/`([^`]+)`/g)].map(([, table = ""]) => ({
    project: "gac-prod-471220",
    dataset: defaultDataset,
    table,
  }));

describeWarehouse("memory, metered", async () => {
  const inner = memoryWarehouse({ clock: systemClock, tablesOf });
  const warehouse = meteredWarehouse(inner, metrics(), systemClock);
  return { warehouse, rows: async (table) => inner.rows(table), close: async () => {} };
});

function metered(faults: Faults = {}): { warehouse: Warehouse; registry: Metrics } {
  const registry = metrics();
  const inner = memoryWarehouse({ clock: systemClock, tablesOf, faults });
  return { warehouse: meteredWarehouse(inner, registry, systemClock), registry };
}

const query = (jobId: string, sql = "SELECT 1"): QueryJob => ({
  jobId,
  sql,
  params: [],
  defaultDataset: "acme",
  destination: null,
  labels: {},
});

/** The values of a counter as `label=value,...` and number. */
async function counted(registry: Metrics, name: string): Promise<Record<string, number>> {
  const metric = await registry.registry.getSingleMetric(name)?.get();
  return Object.fromEntries(
    (metric?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(" "), value]),
  );
}

test("a job is counted once, by its kind and what became of it, however often it is asked for", async () => {
  const { warehouse, registry } = metered();
  await warehouse.createDataset("acme", {}, "");
  assert.equal(await warehouse.submitQuery(query("a")), "started");
  assert.equal(await warehouse.submitQuery(query("a")), "exists");
  await warehouse.waitForJob("a", 1_000);
  await warehouse.waitForJob("a", 1_000);
  await warehouse.getJob("a");
  await warehouse.submitQuery(query("b", "SELECT * FROM `missing`"));
  await warehouse.waitForJob("b", 1_000);
  await warehouse.submitDrop({ jobId: "c", what: { dataset: "acme" }, labels: {} });
  await warehouse.waitForJob("c", 1_000);
  assert.deepEqual(await counted(registry, "convergence_bigquery_jobs_total"), {
    "query done": 1,
    "query notFound": 1,
    "drop done": 1,
  });
});

test("bytes are those that BigQuery states; a running job has not ended, one of another process is not counted", async () => {
  const registry = metrics();
  const states = ["RUNNING", "DONE"] as const;
  let asked = 0;
  const inner = memoryWarehouse({ clock: systemClock });
  const job = { error: null, labels: {}, rows: 1, bytesProcessed: 1_048_576 };
  const waitForJob: Warehouse["waitForJob"] = async (jobId) => ({
    ...job,
    jobId,
    state: states[asked++] ?? "DONE",
  });
  const warehouse = meteredWarehouse({ ...inner, waitForJob }, registry, systemClock);
  await warehouse.createDataset("acme", {}, "");
  await warehouse.submitQuery(query("a"));
  await warehouse.waitForJob("a", 0);
  assert.deepEqual(await counted(registry, "convergence_bigquery_jobs_total"), {});
  await warehouse.waitForJob("a", 0);
  await warehouse.waitForJob("of another process", 0);
  assert.deepEqual(await counted(registry, "convergence_bigquery_jobs_total"), { "query done": 1 });
  assert.deepEqual(await counted(registry, "convergence_bigquery_processed_bytes_total"), {
    query: 1_048_576,
  });
});

test("failed requests are counted by reason and thrown on; a reason of no table is other", async () => {
  const { warehouse, registry } = metered({
    before: (operation) => (operation === "getTable" ? "fail" : "ok"),
  });
  await assert.rejects(warehouse.getTable({ dataset: "acme", table: "t" }), { reason: "backendError" });
  await assert.rejects(warehouse.waitForJob("nobody", 0), { reason: "notFound" });
  const odd = meteredWarehouse(
    { ...warehouse, cancelJob: () => Promise.reject(new WarehouseError("acme_23xv2", "odd")) },
    registry,
    systemClock,
  );
  await assert.rejects(odd.cancelJob("j"), { reason: "acme_23xv2" });
  assert.deepEqual(await counted(registry, "convergence_bigquery_request_errors_total"), {
    "getTable backendError": 1,
    "waitForJob notFound": 1,
    "cancelJob other": 1,
  });
});

test("durations are those of requests, not of waiting for jobs", async () => {
  let now = 0;
  const clock: Clock = { now: () => now, after: (ms, run) => systemClock.after(ms, run) };
  const inner = memoryWarehouse({ clock: systemClock });
  const registry = metrics();
  const slow: Warehouse = {
    ...inner,
    async getDataset() {
      await sleep(systemClock, 0);
      now += 250;
      return null;
    },
  };
  const warehouse = meteredWarehouse(slow, registry, clock);
  await warehouse.getDataset("acme");
  await assert.rejects(warehouse.waitForJob("nobody", 0));
  const metric = await registry.registry
    .getSingleMetric("convergence_bigquery_request_duration_seconds")
    ?.get();
  const sums = metric?.values.filter(
    (value) => "metricName" in value && String(value.metricName).endsWith("_sum"),
  );
  assert.deepEqual(
    sums?.map(({ labels, value }) => [labels.method, value]),
    [["getDataset", 0.25]],
  );
});
