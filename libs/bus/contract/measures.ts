import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock } from "@convergence/runtime/clock.ts";
import { type Metrics, metrics } from "@convergence/runtime/metrics.ts";
import { original, originOf, settlementNote } from "../dead-letter.ts";
import { measureDeadLetters } from "../dead-letter-metrics.ts";
import { type Measuring, measureLag } from "../lag-metrics.ts";
import type { Done } from "../port.ts";
import { readAll } from "./append.ts";
import { type BusHarness, openFixture, range, text, topic, unique } from "./harness.ts";

/** Far below what a process would ask for, so that a test need not wait. */
const EVERY_MS = 20;

/** What a bus tells of itself for metrics. */
export function measuresContract(harness: BusHarness): void {
  test("a group's lag is what is stored and not done, by partition; what it lost is another's to tell", async (t) => {
    const tasks = topic("tasks", 2);
    const { bus, connect, until } = await openFixture(t, harness, [tasks]);
    const group = unique("workers");
    const held: Done[] = [];
    const assigned = () => {};
    const running = await bus.work({ group, topic: tasks.name, member: "a", assigned }, (_, done) =>
      held.push(done),
    );
    const registry = metrics();
    measuring(t, measureLag(bus, registry, systemClock, EVERY_MS));
    const lag = async () => {
      const found = await values(registry, "convergence_consumer_lag_records");
      return found.map(({ labels, value }) => [labels.reader, labels.topic, labels.partition, value]);
    };
    const is = async (...byPartition: number[]) =>
      isDeep(
        (await lag()).toSorted(),
        byPartition.map((value, partition) => [group, tasks.name, partition, value]),
      );
    await until("nothing is stored", () => is(0, 0));
    await bus.append(range(5, (i) => text(tasks.name, "k", String(i), 1)));
    await until("all are behind", () => is(0, 5));
    await until("all are taken", () => held.length === 5);
    held[1]?.();
    held[0]?.();
    await until("two are done", () => is(0, 3));
    await running.stop();
    await until("it reads no more", async () => (await lag()).length === 0);

    const other = await connect();
    await other.view({ topics: [tasks.name], from: "end", member: "follower" }, () => {});
    await other.view({ topics: [tasks.name], from: "low" }, () => {});
    const readings = other.readings().map(({ reader, partition, next }) => [reader, partition, next]);
    assert.deepEqual(readings.toSorted(), [
      ["follower", 0, 0],
      ["follower", 1, 5],
    ]);
  });

  test("dead letters wait until they are replayed or discarded, each record once", async (t) => {
    const log = topic("log", 2);
    const quiet = topic("quiet", 1);
    const dlqs = [log, quiet].map((spec) => ({ ...spec, name: `${spec.name}.dlq` }));
    const { bus, until } = await openFixture(t, harness, [log, quiet, ...dlqs]);
    const registry = metrics();
    const measured = measureDeadLetters(bus, [log.name, quiet.name], registry, systemClock, EVERY_MS);
    measuring(t, measured);
    const is = async (of: number) =>
      isDeep(
        (await values(registry, "convergence_dead_letters")).map(({ labels, value }) => [
          labels.topic,
          value,
        ]),
        [
          [log.name, of],
          [quiet.name, 0],
        ],
      );
    await until("none wait", () => is(0));
    await bus.append([text(log.name, "a", "poison"), text(log.name, "b", "more poison")]);
    for (const record of await readAll(bus, log.name)) {
      await bus.dead(record, new Error("unreadable"));
      await bus.dead(record, new Error("unreadable for another reader too"));
    }
    await until("both wait", () => is(2));
    const [letter] = await readAll(bus, `${log.name}.dlq`);
    assert.ok(letter);
    const origin = originOf(letter);
    assert.ok(origin);
    const [offset = -1] = await bus.append([original(letter, origin)]);
    await bus.append([settlementNote(letter, origin, { how: "replayed", offset })]);
    await until("one waits", () => is(1));
  });
}

/** Before the bus closes: it would be asked once more. */
function measuring(t: TestContext, measured: Measuring): void {
  t.after(() => measured.stop());
}

async function values(registry: Metrics, name: string) {
  const metric = await registry.registry.getSingleMetric(name)?.get();
  return metric?.values ?? [];
}

function isDeep(actual: unknown, expected: unknown): boolean {
  return JSON.stringify(actual) === JSON.stringify(expected);
}
