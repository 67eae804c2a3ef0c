import assert from "node:assert/strict";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type EmbeddedBus, openEmbeddedBus } from "@convergence/bus";
import { topicSpecs } from "@convergence/contracts";
import { loadTableShapes } from "@convergence/pipeline";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { metrics } from "@convergence/runtime/metrics.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import {
  type MemoryWarehouse,
  memoryWarehouse,
  type Warehouse,
  WarehouseError,
} from "@convergence/warehouse";
import { NO_KEYS } from "../testing/no-secrets.ts";
import { RunLog, until } from "../testing/runs.ts";
import { Projection } from "./projection.ts";

const shapes = await loadTableShapes(path.join(import.meta.dirname, "../../../configs/metadata/schemas"));

/** A hundredth of the time that is asked for. */
const hurried: Clock = {
  now: () => systemClock.now(),
  after: (ms, run) => systemClock.after(ms / 100, run),
};

interface Setup {
  bus: EmbeddedBus;
  log: RunLog;
  stored: MemoryWarehouse;
  /** `dataset.table` of the tables that may not be written. */
  denied: Set<string>;
  /** Tables that were asked to be merged into, in order. */
  merged: string[];
  start(instance: string): Promise<Projection>;
}

async function setUp(t: TestContext): Promise<Setup> {
  const topics = topicSpecs(1);
  const bus = openEmbeddedBus({ file: ":memory:", topics, clock: systemClock, random: systemRandom });
  t.after(() => bus.close());
  const stored = memoryWarehouse({ clock: systemClock });
  const denied = new Set<string>();
  const merged: string[] = [];
  const warehouse: Warehouse = {
    ...stored,
    async submitMerge(job) {
      const name = `${job.table.dataset}.${job.table.table}`;
      if (denied.has(name)) throw new WarehouseError("accessDenied", `may not write ${name}`);
      merged.push(name);
      return stored.submitMerge(job);
    },
  };
  const deps = {
    keys: NO_KEYS,
    bus,
    warehouse,
    clock: hurried,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    metrics: metrics(),
    slots: 1,
    inbox: null,
    flushMs: 100,
  };
  return {
    bus,
    log: new RunLog(bus),
    stored,
    denied,
    merged,
    async start(instance) {
      const projection = new Projection({ ...deps, bus: bus.as(instance), instance });
      await projection.start();
      return projection;
    },
  };
}

async function createTables(stored: MemoryWarehouse, dataset: string): Promise<void> {
  await stored.createDataset(dataset, {}, "");
  for (const table of ["pipeline_runs", "step_logs"] as const) {
    await stored.createTable({ dataset, table }, shapes[table]);
  }
}

/** The ids of the runs that are in both tables, complete. */
function complete(stored: MemoryWarehouse, dataset: string): string[] {
  const ended = (table: string) =>
    stored
      .rows({ dataset, table })
      .filter(({ status, end_time }) => status === "COMPLETE" && end_time !== null)
      .map((row) => String(row.pipeline_logging_id));
  const steps = new Set(ended("step_logs"));
  return ended("pipeline_runs")
    .filter((id) => steps.has(id))
    .sort();
}

/** What is parked, as the topic tells it to a newcomer. */
async function parked(bus: EmbeddedBus): Promise<string[]> {
  const keys = new Set<string>();
  const view = await bus.view({ topics: ["parked-tables"], from: "low" }, ({ key, value }) => {
    if (value === null) keys.delete(key);
    else keys.add(key);
  });
  await view.caughtUp();
  await view.stop();
  // Of `partition|dataset|table|...`
  return [...keys].map((key) => key.split("|").slice(0, 3).join("|")).sort();
}

const ids = (tenant: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({
    tenant,
    id: `${tenant}-${String(from + n).padStart(4, "0")}`,
  }));
const names = (runs: { id: string }[]) => runs.map(({ id }) => id);

test("a table that is missing holds back only itself, across restarts, and gets all its rows once it is there", async (t) => {
  const { bus, log, stored, merged, start } = await setUp(t);
  await createTables(stored, "good");
  const first = await start("one");
  await log.runs([...ids("gone", 0, 50), ...ids("good", 0, 50)]);
  await until("the other tenant is written", () => complete(stored, "good").length === 50);
  await until("both tables are parked", async () => (await parked(bus)).length === 2);
  await log.runs([...ids("gone", 50, 100), ...ids("good", 50, 100)]);
  await until("the other tenant goes on", () => complete(stored, "good").length === 100);
  await first.stop();

  merged.length = 0;
  const second = await start("two");
  await log.runs(ids("gone", 100, 150));
  await log.runs(ids("good", 100, 101));
  await until("the other tenant goes on", () => complete(stored, "good").length === 101);
  const again = merged.filter((name) => name.startsWith("good"));
  assert.ok(again.length <= 4, `the offset was held back: ${again.join()} were written again`);
  await createTables(stored, "gone");
  const all = ids("gone", 0, 150);
  await until("its rows are written", () => complete(stored, "gone").length === all.length);
  assert.deepEqual(complete(stored, "gone"), names(all));
  await until("nothing is parked", async () => (await parked(bus)).length === 0);
  await log.runs(ids("gone", 150, 160));
  await until("it goes on as ever", () => complete(stored, "gone").length === 160);
  await second.stop();
});

test("a table that is denied and allowed again, over and over while rows come, lacks none of them", async (t) => {
  const { bus, log, stored, denied, start } = await setUp(t);
  await createTables(stored, "acme");
  const projection = await start("one");
  let sent = 0;
  for (let round = 0; round < 5; round += 1) {
    denied.add("acme.pipeline_runs");
    await log.runs(ids("acme", sent, sent + 20));
    await until("it is parked", async () => (await parked(bus)).length === 1);
    for (let n = 20; n < 200; n += 20) {
      if (n === 100) denied.clear();
      await log.runs(ids("acme", sent + n, sent + n + 20));
    }
    sent += 200;
    await until("nothing is parked", async () => (await parked(bus)).length === 0);
  }
  await until("all rows are written", () => complete(stored, "acme").length === sent);
  const rows = stored.rows({ dataset: "acme", table: "pipeline_runs" });
  assert.ok(
    rows.every(({ worker_instance }) => worker_instance === "r"),
    "no row of a run was passed over",
  );
  await projection.stop();
});

test("a parked table that the next owner finds still refused is parked once, from where it was", async (t) => {
  const { bus, log, stored, start } = await setUp(t);
  const first = await start("one");
  await log.runs(ids("gone", 0, 10));
  await until("it is parked", async () => (await parked(bus)).length === 2);
  await first.stop();
  for (const instance of ["two", "three"]) {
    const projection = await start(instance);
    await log.runs([{ tenant: "gone", id: `gone-${instance}` }]);
    await until("it is parked", async () => (await parked(bus)).length === 2);
    await projection.stop();
  }
  await createTables(stored, "gone");
  const last = await start("four");
  await until("its rows are written", () => complete(stored, "gone").length === 12);
  await last.stop();
});
