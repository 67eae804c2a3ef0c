import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@convergence/runtime/clock.ts";
import { memoryWarehouse } from "./memory/warehouse.ts";
import { runOnce } from "./run-once.ts";

/** A warehouse whose first `failures` jobs fail, and an effect to be had once. */
async function failing(failures: number) {
  const warehouse = memoryWarehouse({
    clock: systemClock,
    faults: {
      before: (operation, jobId) =>
        operation === "submitQuery" && Number(jobId.split("_")[1]) <= failures ? "job-fails" : "ok",
    },
  });
  await warehouse.createDataset("acme", {}, "");
  const table = { dataset: "acme", table: "out" };
  const effect = () =>
    runOnce(warehouse, "effect", (jobId) =>
      warehouse.submitQuery({
        jobId,
        sql: "SELECT 1",
        params: [],
        defaultDataset: "acme",
        destination: { ...table, write: "WRITE_APPEND" },
        labels: {},
      }),
    );
  return { effect, rows: () => warehouse.rows(table) };
}

test("an effect goes on behind jobs that failed", async () => {
  const { effect, rows } = await failing(2);
  assert.equal((await effect()).jobId, "effect_3");
  assert.deepEqual(rows(), [{ job_id: "effect_3" }]);
});

test("an effect that was had is adopted", async () => {
  const { effect, rows } = await failing(1);
  await effect();
  assert.equal((await effect()).jobId, "effect_2");
  assert.equal(rows().length, 1);
});

test("an outage that outlasts several calls stops nothing for good", async () => {
  const { effect, rows } = await failing(12);
  await assert.rejects(effect(), { name: "WarehouseError", reason: "backendError" });
  await assert.rejects(effect(), { name: "WarehouseError", reason: "backendError" });
  assert.equal((await effect()).jobId, "effect_13");
  assert.deepEqual(rows(), [{ job_id: "effect_13" }]);
});
