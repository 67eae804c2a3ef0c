// Measures the embedded bus: `node libs/bus/bench.ts`. Records have 300 bytes, topics 12 partitions.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { type Bus, type OutRecord, openEmbeddedBus, type TopicSpec } from "./index.ts";

const VALUE = Buffer.alloc(300, "x");
const HOPS = 3_000;
const names = ["single", "batch", "hop", "one", "two", "three"];
const topics = names.map(
  (name): TopicSpec => ({ name, partitions: 12, cleanup: "delete", retentionMs: null }),
);
const record = (topic: string, i: number): OutRecord => ({ topic, key: `tenant_${i % 50}`, value: VALUE });

for (const synchronous of ["full", "normal"] as const) {
  const folder = mkdtempSync(path.join(tmpdir(), "bus-bench-"));
  const file = path.join(folder, "bus.db");
  const bus = openEmbeddedBus({ file, topics, clock: systemClock, random: systemRandom, synchronous });
  console.log(`synchronous = ${synchronous}`);
  console.log(`  one append at a time         ${rate(2_000, await timed(() => oneAtATime(bus, 2_000)))}`);
  console.log(
    `  64 appends at a time         ${rate(64_000, await timed(() => concurrent(bus, 64, 1_000)))}`,
  );
  console.log(`  batches of 500, 4 readers    ${rate(200_000, await timed(() => batches(bus, 400, 500)))}`);
  console.log(`  one hop, append to view      ${percentiles(await hops(bus, ["hop"]))}`);
  console.log(`  chain of 3 hops              ${percentiles(await hops(bus, ["one", "two", "three"]))}`);
  await bus.close();
  rmSync(folder, { recursive: true });
}

async function oneAtATime(bus: Bus, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await bus.append([record("single", i)]);
}

async function concurrent(bus: Bus, clients: number, each: number): Promise<void> {
  await Promise.all(Array.from({ length: clients }, () => oneAtATime(bus, each)));
}

/** Appends batches and waits until four views have folded them all. */
async function batches(bus: Bus, count: number, size: number): Promise<void> {
  const options = { topics: ["batch"], from: "low" } as const;
  const views = await Promise.all([1, 2, 3, 4].map(() => bus.view(options, () => {})));
  for (let i = 0; i < count; i++) {
    await bus.append(Array.from({ length: size }, (_, j) => record("batch", i + j)));
  }
  await Promise.all(views.map((view) => view.caughtUp()));
  await Promise.all(views.map((view) => view.stop()));
}

/** Milliseconds that a record takes through the topics, each view appending to the next topic. */
async function hops(bus: Bus, chain: readonly string[]): Promise<number[]> {
  let arrived = () => {};
  const views = await Promise.all(
    chain.map((topic, i) => {
      const next = chain[i + 1];
      return bus.view({ topics: [topic], from: "end" }, ({ key, value }) => {
        if (next) void bus.append([{ topic: next, key, value }]);
        else arrived();
      });
    }),
  );
  const times: number[] = [];
  for (let i = 0; i < HOPS; i++) {
    const start = performance.now();
    await new Promise<void>((resolve) => {
      arrived = resolve;
      void bus.append([record(chain[0] ?? "", i)]);
    });
    times.push(performance.now() - start);
  }
  await Promise.all(views.map((view) => view.stop()));
  return times;
}

async function timed(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function rate(records: number, ms: number): string {
  return `${Math.round((records / ms) * 1_000).toLocaleString("en")} records/s`;
}

function percentiles(times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
