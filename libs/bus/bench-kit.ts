// What the benches of both adapters measure, on topics of these names. Records have 300 bytes, topics 12 partitions.
import type { Bus, OutRecord, TopicSpec } from "./index.ts";

const VALUE = Buffer.alloc(300, "x");
const names = ["single", "batch", "hop", "one", "two", "three"];

export const BENCH_TOPICS = names.map(
  (name): TopicSpec => ({ name, partitions: 12, cleanup: "delete", retentionMs: null }),
);

function record(topic: string, i: number): OutRecord {
  return { topic, key: `tenant_${i % 50}`, value: VALUE };
}

export async function oneAtATime(bus: Bus, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await bus.append([record("single", i)]);
}

export async function concurrent(bus: Bus, clients: number, each: number): Promise<void> {
  await Promise.all(Array.from({ length: clients }, () => oneAtATime(bus, each)));
}

/** Appends batches and waits until four views have folded them all. */
export async function batches(bus: Bus, count: number, size: number): Promise<void> {
  const options = { topics: ["batch"], from: "low" } as const;
  const views = await Promise.all([1, 2, 3, 4].map(() => bus.view(options, () => {})));
  for (let i = 0; i < count; i++) {
    await bus.append(Array.from({ length: size }, (_, j) => record("batch", i + j)));
  }
  await Promise.all(views.map((view) => view.caughtUp()));
  await Promise.all(views.map((view) => view.stop()));
}

/** Milliseconds that a record takes through the topics, each view appending to the next topic. */
export async function hops(bus: Bus, chain: readonly string[], count: number): Promise<number[]> {
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
  for (let i = 0; i < count; i++) {
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

export async function timed(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

export function rate(records: number, ms: number): string {
  return `${Math.round((records / ms) * 1_000).toLocaleString("en")} records/s`;
}

export function percentiles(times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
