import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { describeWarehouse } from "../contract-suite.ts";
import type { QueryJob } from "../port.ts";
import {
  type Faults,
  type MemoryWarehouse,
  type MemoryWarehouseOptions,
  memoryWarehouse,
  type Outcome,
} from "./warehouse.ts";

/** The suite's texts name one table in backticks. */
const tablesOf: MemoryWarehouseOptions["tablesOf"] = ({ sql, defaultDataset }) =>
  [...sql.matchAll(/`([^`]+)`/g)].map(([, table = ""]) => ({
    project: "gac-prod-471220",
    dataset: defaultDataset,
    table,
  }));

describeWarehouse("memory", async () => {
  const warehouse = memoryWarehouse({ clock: systemClock, tablesOf });
  return { warehouse, rows: async (table) => warehouse.rows(table), close: async () => {} };
});

/** A clock that stands until it is told to go on. */
function standingClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 0;
  const due: { at: number; run: () => void }[] = [];
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      due.push(timer);
      return { clear: () => void (due.includes(timer) && due.splice(due.indexOf(timer), 1)) };
    },
    async advance(ms) {
      const until = now + ms;
      for (;;) {
        await new Promise(setImmediate);
        const next = due.toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > until) break;
        due.splice(due.indexOf(next), 1);
        now = next.at;
        next.run();
      }
      now = until;
    },
  };
}

function query(jobId: string, more: Partial<QueryJob> = {}): QueryJob {
  return {
    jobId,
    sql: "SELECT 1",
    params: [],
    defaultDataset: "acme",
    destination: { dataset: "acme", table: "out", write: "WRITE_APPEND" },
    labels: {},
    ...more,
  };
}

const out = { dataset: "acme", table: "out" };

async function withFaults(faults: Faults, clock: Clock = systemClock): Promise<MemoryWarehouse> {
  const warehouse = memoryWarehouse({ clock, faults });
  await warehouse.createDataset("acme", {}, "");
  return warehouse;
}

const submitFaults: [Outcome, { transient: boolean; unknown: boolean } | null, number, string | null][] = [
  ["fail", { transient: true, unknown: false }, 0, null],
  ["unknown", { transient: true, unknown: true }, 1, "DONE"],
  ["lost", { transient: true, unknown: true }, 0, null],
  ["job-fails", null, 0, "DONE"],
];
for (const [outcome, error, rows, state] of submitFaults) {
  test(`a submit that meets "${outcome}"`, async () => {
    const warehouse = await withFaults({ before: (op) => (op === "submitQuery" ? outcome : "ok") });
    const submitted = warehouse.submitQuery(query("j1"));
    if (error) await assert.rejects(submitted, { name: "WarehouseError", ...error });
    else assert.equal(await submitted, "started");
    assert.equal(warehouse.rows(out).length, rows);
    assert.equal((await warehouse.getJob("j1"))?.state ?? null, state);
    assert.equal(warehouse.jobs()[0]?.error?.reason ?? null, outcome === "job-fails" ? "backendError" : null);
  });
}

test("a read whose answer is lost leaves nothing unknown", async () => {
  const warehouse = await withFaults({ before: (op) => (op === "getTable" ? "lost" : "ok") });
  await assert.rejects(warehouse.getTable(out), { transient: true, unknown: false });
});

test("an unknown outcome hides a failure too", async () => {
  const warehouse = await withFaults({ before: (op) => (op === "createTable" ? "unknown" : "ok") });
  const create = warehouse.createTable({ dataset: "missing", table: "t" }, { schema: { fields: [] } });
  await assert.rejects(create, { reason: "network", unknown: true });
});

test("a job runs as long as it is told to on the clock, and has its effect at the end", async () => {
  const clock = standingClock();
  const warehouse = await withFaults({ delayMs: (op) => (op === "job" ? 1000 : 0) }, clock);
  await warehouse.submitQuery(query("j1"));
  const early = warehouse.waitForJob("j1", 400);
  const late = warehouse.waitForJob("j1", 5000);
  await clock.advance(999);
  assert.equal((await early).state, "RUNNING");
  assert.deepEqual(warehouse.rows(out), []);
  await clock.advance(1);
  assert.equal((await late).state, "DONE");
  assert.deepEqual(warehouse.rows(out), [{ job_id: "j1" }]);
});

test("a call has its effect after its delay", async () => {
  const clock = standingClock();
  const warehouse = memoryWarehouse({ clock, faults: { delayMs: () => 50 } });
  const made = warehouse.createDataset("acme", {}, "");
  const asked = warehouse.getDataset("acme");
  await clock.advance(50);
  assert.equal(await made, "created");
  assert.deepEqual(await asked, { location: "US", labels: {} });
});

test("a cancelled job is stopped without effect; one over its time limit too", async () => {
  const clock = standingClock();
  const warehouse = await withFaults({ delayMs: (op) => (op === "job" ? 1000 : 0) }, clock);
  await warehouse.submitQuery(query("cancelled"));
  await warehouse.submitQuery(query("slow", { timeoutMs: 500 }));
  await warehouse.cancelJob("cancelled");
  assert.equal((await warehouse.getJob("cancelled"))?.error?.reason, "stopped");
  await clock.advance(500);
  assert.equal((await warehouse.getJob("slow"))?.error?.reason, "timeout");
  await clock.advance(1000);
  assert.deepEqual(warehouse.rows(out), []);
});

test("overwriting a partition replaces that partition's rows alone", async () => {
  const warehouse = await withFaults({});
  const day = (d: string) => ({ ...out, table: `out$${d}`, write: "WRITE_TRUNCATE" as const });
  await warehouse.submitQuery(query("a", { destination: day("20251114") }));
  await warehouse.submitQuery(query("b", { destination: day("20251115") }));
  await warehouse.submitQuery(query("c", { destination: day("20251115") }));
  assert.deepEqual(warehouse.rows(out), [{ job_id: "a" }, { job_id: "c" }]);
});

test("rows and reads are what the caller hands in", async () => {
  const warehouse = memoryWarehouse({
    clock: systemClock,
    rowsOf: (job) => [{ sql: job.sql }, { sql: job.sql }],
    read: (q, rows) => [{ sql: q.sql, n: rows(out).length }],
  });
  await warehouse.createDataset("acme", {}, "");
  await warehouse.submitQuery(query("j1"));
  assert.deepEqual(warehouse.rows(out), [{ sql: "SELECT 1" }, { sql: "SELECT 1" }]);
  assert.deepEqual(await warehouse.read({ sql: "S", params: [], defaultDataset: "acme" }), [
    { sql: "S", n: 2 },
  ]);
  const bare = memoryWarehouse({ clock: systemClock });
  await assert.rejects(bare.read({ sql: "S", params: [], defaultDataset: "acme" }), {
    reason: "notImplemented",
  });
});

test("a version that is a time is compared to the microsecond", async () => {
  const warehouse = await withFaults({});
  await warehouse.createTable(out, {
    schema: { fields: ["id", "at"].map((name) => ({ name, type: "STRING" as const })) },
  });
  const written = async (jobId: string, at: string) => {
    await warehouse.submitMerge({
      jobId,
      table: out,
      columns: [
        { name: "id", type: "STRING" },
        { name: "at", type: "TIMESTAMP" },
      ],
      keys: ["id"],
      version: "at",
      partition: null,
      required: [],
      rows: [{ id: "a", at }],
      labels: {},
    });
    return (await warehouse.getJob(jobId))?.rows;
  };
  assert.equal(await written("m1", "2025-11-15T00:00:00.123Z"), 1);
  assert.equal(await written("m2", "2025-11-15T00:00:00.123456Z"), 1);
  assert.equal(await written("m3", "2025-11-15T00:00:00.123Z"), 0);
  assert.equal(await written("m4", "2025-11-15T02:00:00.124+02:00"), 1);
});

test("a merge row outside the partitions that its batch names is not seen, as in BigQuery", async () => {
  const warehouse = await withFaults({});
  await warehouse.createTable(out, {
    schema: { fields: ["id", "at", "v"].map((name) => ({ name, type: "STRING" as const })) },
  });
  const job = (jobId: string, at: string, v: number) => ({
    jobId,
    table: out,
    columns: [
      { name: "id", type: "STRING" as const },
      { name: "at", type: "TIMESTAMP" as const },
      { name: "v", type: "INT64" as const },
    ],
    keys: ["id"],
    version: "v",
    partition: "at",
    required: ["at"],
    rows: [{ id: "a", at, v }],
    labels: {},
  });
  await warehouse.submitMerge(job("m1", "2025-11-14T00:00:00Z", 1));
  await warehouse.submitMerge(job("m2", "2025-11-15T00:00:00Z", 2));
  assert.equal(warehouse.rows(out).length, 2);
});
