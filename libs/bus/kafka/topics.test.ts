import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { range, text, topic, unique } from "../contract/harness.ts";
import { MAX_RECORD_BYTES } from "../port.ts";
import { KafkaBusError } from "./index.ts";
import kafkajs from "./kafkajs.ts";
import { startBroker } from "./testing/broker.ts";
import { adminOf, FAST_CLEANING, makeCleaned, openOn, until } from "./testing/harness.ts";

/** Longer than a segment of a fast-cleaned topic is written to. */
const SEGMENT_MS = 150;

const broker = await startBroker({ properties: FAST_CLEANING });
after(() => broker.dispose());

test("starters at the same time all find the topics made, once and as declared", async () => {
  const topics = [
    topic("forever", 3),
    topic("short", 2, { retentionMs: 3_600_000 }),
    topic("compacted", 1, { cleanup: "compact" }),
  ];
  const prefix = `${unique("p")}.`;
  const buses = await Promise.all(range(4, () => openOn(broker.address, topics, { prefix })));
  const admin = adminOf(broker.address);
  await admin.connect();
  const made = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
  assert.deepEqual(made.sort(), topics.map(({ name }) => `${prefix}${name}`).sort());
  const { topics: found } = await admin.fetchTopicMetadata({ topics: made });
  await admin.disconnect();
  for (const { name, partitions } of topics) {
    assert.equal(found.find((one) => one.name === `${prefix}${name}`)?.partitions.length, partitions);
  }
  for (const bus of buses) await bus.append([text(topics[0]?.name ?? "", "k", "v")]);
  await Promise.all(buses.map((bus) => bus.close()));
});

test("a topic that is kept otherwise is refused, with what to do", async () => {
  const made = topic("made", 3, { retentionMs: 3_600_000 });
  await (await openOn(broker.address, [made])).close();
  const cases = [
    { spec: { ...made, partitions: 4 }, message: /has 3 partitions .* declared with 4/, remedy: /declare 3/ },
    {
      spec: { ...made, retentionMs: null },
      message: /has retention.ms=3600000 .* retention.ms=-1/,
      remedy: /kafka-configs.sh .*--add-config retention.ms=-1/,
    },
    {
      spec: { ...made, cleanup: "compact" as const },
      message: /has cleanup.policy=delete .* cleanup.policy=compact/,
      remedy: /--add-config cleanup.policy=compact/,
    },
  ];
  for (const { spec, message, remedy } of cases) {
    await assert.rejects(openOn(broker.address, [spec]), (error) => {
      assert.ok(error instanceof KafkaBusError);
      assert.match(error.message, message);
      assert.match(error.remedy, remedy);
      assert.ok(error.message.includes(made.name));
      return true;
    });
  }
});

test("appends larger than a batch may be are stored whole and in order; the largest record fits", async () => {
  const log = topic("log", 2);
  const bus = await openOn(broker.address, [log]);
  const headers = { traceparent: "x".repeat(55) };
  const bytes = (size: number) => Buffer.alloc(size, "x");
  const many = range(20, (i) => ({
    topic: log.name,
    key: `k${i}`,
    value: bytes(300_000),
    partition: i % 2,
    headers,
  }));
  const largest = { topic: log.name, key: "", value: bytes(MAX_RECORD_BYTES - 66), partition: 0, headers };
  const small = range(3, (i) => text(log.name, `s${i}`, "small", 0));
  const stored = await Promise.all([bus.append(many), bus.append([largest]), bus.append(small)]);
  const keys: [string, number][] = [];
  const view = await bus.view({ topics: [log.name], from: "low" }, ({ key, offset, partition }) => {
    if (partition === 0) keys.push([key, offset]);
  });
  assert.equal(await view.caughtUp(), true);
  const wanted = [...many.filter((_, i) => i % 2 === 0), largest, ...small].map(({ key }) => key);
  const offsets = [
    ...(stored[0] ?? []).filter((_, i) => i % 2 === 0),
    ...(stored[1] ?? []),
    ...(stored[2] ?? []),
  ];
  assert.deepEqual(
    keys,
    wanted.map((key, i) => [key, offsets[i]]),
  );
  await bus.close();
});

test("a view passes a batch that compaction emptied and left", async () => {
  const compacted = topic("compacted", 1, { cleanup: "compact" });
  // So that the emptied batch stands at its segment's end, where a fetch finds nothing else: two segments that are
  // too large to be cleaned into one, and little afterwards, so that they are not cleaned again.
  const apart = { "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.5" };
  await makeCleaned(broker.address, [compacted], apart);
  const bus = await openOn(broker.address, [compacted]);
  const value = Buffer.alloc(60_000, "x");
  // The cleaner keeps an idempotent producer's last batch, for its sequence number, with no record left in it.
  const client = new kafkajs.Kafka({ brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING });
  const { DefaultPartitioner } = kafkajs.Partitioners;
  const producer = client.producer({ idempotent: true, createPartitioner: DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic: compacted.name, messages: range(10, (i) => ({ key: `k${i}`, value })) });
  await producer.disconnect();
  await setTimeout(SEGMENT_MS);
  await bus.append(range(10, (i) => ({ topic: compacted.name, key: `k${i}`, value })));
  const seen = async (from: number) => {
    const offsets: number[] = [];
    const start = new Map([[compacted.name, new Map([[0, from]])]]);
    const options = { topics: [compacted.name], from: start };
    const view = await bus.view(options, ({ offset }) => offsets.push(offset));
    assert.equal(await view.caughtUp(5_000), true, "the view comes to the end");
    await view.stop();
    return offsets;
  };
  await until("the first batch is empty", async () => {
    await bus.append([text(compacted.name, "filler", "")]);
    return (await seen(0)).every((offset) => offset >= 10);
  });
  assert.equal((await bus.ends(compacted.name)).get(0)?.low, 0, "the batch is still there");
  assert.ok(
    (await seen(3)).every((offset) => offset >= 10),
    "also from within that batch",
  );
  await bus.close();
});
