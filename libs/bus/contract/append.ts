import assert from "node:assert/strict";
import { test } from "node:test";
import { partitionFor } from "../partitioner.ts";
import { type BusRecord, BusUnavailable, MAX_RECORD_BYTES } from "../port.ts";
import { type BusHarness, type Fixture, openFixture, range, text, textOf, topic } from "./harness.ts";

/** What append, dead, ends and mark promise. */
export function appendContract(harness: BusHarness): void {
  test("records of a key stay in order, in the partition that murmur2 gives the key", async (t) => {
    const log = topic("log", 6);
    const { bus } = await openFixture(t, harness, [log]);
    const keys = range(20, (i) => `tenant_${i}`);
    const offsets = new Map<string, number[]>();
    for (const n of range(5, (i) => i)) {
      const stored = await bus.append(keys.map((key) => text(log.name, key, `${key}/${n}`)));
      keys.forEach((key, i) => {
        offsets.set(key, [...(offsets.get(key) ?? []), stored[i] ?? -1]);
      });
    }
    const records = await readAll(bus, log.name);
    assert.equal(bus.partitions(log.name), 6);
    for (const key of keys) {
      const own = records.filter((record) => record.key === key);
      assert.deepEqual(
        own.map(textOf),
        range(5, (n) => `${key}/${n}`),
      );
      assert.deepEqual(
        own.map(({ offset }) => offset),
        offsets.get(key),
      );
      assert.deepEqual(new Set(own.map(({ partition }) => partition)), new Set([partitionFor(key, 6)]));
      assert.equal(bus.partitionOf(log.name, key), partitionFor(key, 6));
    }
  });

  test("a named partition goes before the key's, and one call keeps its order there", async (t) => {
    const log = topic("log", 4);
    const { bus } = await openFixture(t, harness, [log]);
    await bus.append(range(200, (i) => text(log.name, `k${i}`, String(i), 2)));
    const records = await readAll(bus, log.name);
    assert.deepEqual(new Set(records.map(({ partition }) => partition)), new Set([2]));
    assert.deepEqual(records.map(textOf), range(200, String));
  });

  test("keys, headers and values come back as they were sent", async (t) => {
    const log = topic("log", 1);
    const { bus } = await openFixture(t, harness, [log]);
    const before = Date.now();
    const big = Buffer.alloc(500_000, "0123456789abcdef");
    await bus.append([
      { topic: log.name, key: "Zürich ✓", value: big, headers: { traceparent: "00-ab-cd-01", größe: "ü" } },
      { topic: log.name, key: "empty", value: new Uint8Array(0) },
      { topic: log.name, key: "gone", value: null },
    ]);
    const [first, empty, gone] = await readAll(bus, log.name);
    assert.equal(first?.key, "Zürich ✓");
    assert.ok(first.value && big.equals(first.value));
    assert.deepEqual({ ...first.headers }, { traceparent: "00-ab-cd-01", größe: "ü" });
    assert.equal(empty?.value?.byteLength, 0);
    assert.deepEqual({ ...empty.headers }, {});
    assert.equal(gone?.value, null);
    assert.ok(Math.abs(first.time - before) < 60_000, "the time is the append's, in Unix milliseconds");
  });

  test("appends at the same time are all stored, each under an offset of its own", async (t) => {
    const log = topic("log", 3);
    const fixture = await openFixture(t, harness, [log]);
    const buses = [fixture.bus, await fixture.connect()];
    const answers = await Promise.all(
      range(500, (i) => (buses[i % 2] ?? fixture.bus).append([text(log.name, `k${i}`, String(i))])),
    );
    const records = await readAll(fixture.bus, log.name);
    assert.deepEqual(new Set(records.map(textOf)), new Set(range(500, String)));
    const places = new Set(records.map(({ partition, offset }) => `${partition}/${offset}`));
    assert.equal(places.size, records.length);
    answers.forEach(([offset], i) => {
      assert.ok(places.has(`${partitionFor(`k${i}`, 3)}/${offset}`), `append ${i} says where it went`);
    });
  });

  test("what cannot be stored is refused before anything is", async (t) => {
    const log = topic("log", 2);
    const { bus } = await openFixture(t, harness, [log]);
    const good = text(log.name, "k", "v");
    await assert.rejects(bus.append([good, text("no-such-topic", "k", "v")]), TypeError);
    await assert.rejects(bus.append([good, text(log.name, "k", "v", 2)]), TypeError);
    const big = { topic: log.name, key: "k", value: Buffer.alloc(MAX_RECORD_BYTES) };
    await assert.rejects(bus.append([good, big]), RangeError);
    assert.deepEqual(await bus.append([]), []);
    assert.deepEqual(await readAll(bus, log.name), []);
    assert.throws(() => bus.partitionOf("no-such-topic", "k"), TypeError);
    await assert.rejects(bus.ends("no-such-topic"), TypeError);
  });

  test("the end of a partition is behind its last record", async (t) => {
    const log = topic("log", 2);
    const { bus } = await openFixture(t, harness, [log]);
    const fresh = await bus.ends(log.name);
    assert.deepEqual([...fresh.keys()].sort(), [0, 1]);
    for (const { low, end } of fresh.values()) assert.equal(low, end);
    const offsets = await bus.append(range(10, (i) => text(log.name, "k", String(i), 1)));
    const ends = await bus.ends(log.name);
    assert.equal(ends.get(1)?.end, (offsets.at(-1) ?? 0) + 1);
    assert.equal(ends.get(1)?.low, fresh.get(1)?.low);
    assert.equal(ends.get(0)?.end, fresh.get(0)?.end);
  });

  test("a mark names what stands before an offset", async (t) => {
    const log = topic("log", 2);
    const fixture = await openFixture(t, harness, [log]);
    const { bus } = fixture;
    assert.equal(await bus.mark(log.name, 0, 0), null);
    const [first = -1] = await bus.append([text(log.name, "k", "a", 0)]);
    const mark = await bus.mark(log.name, 0, first + 1);
    assert.ok(mark);
    const [second = -1] = await bus.append([text(log.name, "k", "a", 0)]);
    const other = await fixture.connect();
    assert.equal(await other.mark(log.name, 0, first + 1), mark, "later records change nothing");
    assert.notEqual(await bus.mark(log.name, 0, second + 1), mark, "another record, another mark");
    assert.equal(await bus.mark(log.name, 0, second + 1_000), await bus.mark(log.name, 0, second + 1));
    assert.equal(await bus.mark(log.name, 1, 1_000), null, "partitions are apart");
  });

  test("a dead letter keeps the record, its origin and the error's message", async (t) => {
    const log = topic("log", 3);
    const dlq = { ...log, name: `${log.name}.dlq` };
    const { bus } = await openFixture(t, harness, [log, dlq]);
    const headers = { traceparent: "00-ab-cd-01" };
    await bus.append([{ ...text(log.name, "tenant_1", "poison"), headers }]);
    const [record] = await readAll(bus, log.name);
    assert.ok(record);
    const error = Object.assign(new Error(`unreadable ${"x".repeat(5_000)}`), { secret: "s3cr3t" });
    await bus.dead(record, error);
    const [dead] = await readAll(bus, dlq.name);
    assert.ok(dead);
    assert.equal(dead.key, "tenant_1");
    assert.equal(textOf(dead), "poison");
    assert.equal(dead.headers.traceparent, "00-ab-cd-01");
    assert.equal(dead.headers["dlq-origin-topic"], log.name);
    assert.equal(dead.headers["dlq-origin-partition"], String(record.partition));
    assert.equal(dead.headers["dlq-origin-offset"], String(record.offset));
    assert.match(dead.headers["dlq-error"] ?? "", /^unreadable x+$/);
    assert.ok((dead.headers["dlq-error"] ?? "").length <= 1_000);
    assert.ok(!JSON.stringify(dead.headers).includes("s3cr3t"));
  });

  test("a closed bus refuses everything", async (t) => {
    const log = topic("log", 1);
    const { connect } = await openFixture(t, harness, [log]);
    const bus = await connect();
    await bus.append([text(log.name, "k", "v")]);
    await bus.close();
    await bus.close();
    await assert.rejects(bus.append([text(log.name, "k", "v")]), BusUnavailable);
    await assert.rejects(bus.ends(log.name), BusUnavailable);
    await assert.rejects(bus.mark(log.name, 0, 1), BusUnavailable);
    await assert.rejects(
      bus.view({ topics: [log.name], from: "low" }, () => {}),
      BusUnavailable,
    );
  });
}

/** All that a topic holds now, in the order in which a view folds it. */
export async function readAll(bus: Fixture["bus"], topicName: string): Promise<BusRecord[]> {
  const records: BusRecord[] = [];
  const view = await bus.view({ topics: [topicName], from: "low" }, (record) => records.push(record));
  assert.equal(await view.caughtUp(), true);
  await view.stop();
  return records;
}
