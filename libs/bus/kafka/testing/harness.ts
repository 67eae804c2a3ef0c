import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "@convergence/runtime/clock.ts";
import { type Logger, logger } from "@convergence/runtime/log.ts";
import type { BusHarness } from "../../contract-suite.ts";
import type { TopicSpec } from "../../port.ts";
import { type KafkaBus, type KafkaBusOptions, openKafkaBus } from "../index.ts";
import kafkajs from "../kafkajs.ts";

export const LIMITS = { commitEveryMs: 20, abandonedMs: 50, maxUnhandled: 100 };

/** What makes a broker clean its topics within a test's time. */
export const FAST_CLEANING: Readonly<Record<string, string>> = {
  "log.cleaner.backoff.ms": "100",
  "log.retention.check.interval.ms": "100",
  // How long after its start a broker cleans first (internal to Kafka, default 30 s).
  "log.initial.task.delay.ms": "100",
};

/** Of a topic that is cleaned within a test's time: the segment that is being written is never cleaned. */
const FAST_SEGMENTS = {
  "segment.ms": "100",
  "min.cleanable.dirty.ratio": "0.01",
  "file.delete.delay.ms": "100",
};

const WARN = process.env.KAFKA_TEST_LOG ?? "silent";

export function testLog(): Logger {
  return logger({ level: WARN, service: "test", to: { write: (line) => process.stderr.write(line) } });
}

/** Opens a bus on a broker of tests, as a process of its own would. */
export function openOn(
  address: string,
  topics: readonly TopicSpec[],
  more: Partial<KafkaBusOptions> = {},
): Promise<KafkaBus> {
  return openKafkaBus({
    brokers: [address],
    clientId: "test",
    topics,
    clock: systemClock,
    log: testLog(),
    limits: LIMITS,
    ...more,
  });
}

/** The contract suite's harness for the Kafka adapter on the broker that `address` resolves with. */
export function kafkaHarness(address: () => Promise<string>): BusHarness {
  return {
    patienceMs: 20_000,
    cleaningMs: 30_000,
    maxUnhandled: LIMITS.maxUnhandled,
    async open(topics) {
      const at = await address();
      await makeCleaned(at, topics);
      const buses: KafkaBus[] = [];
      return {
        async connect() {
          const bus = await openOn(at, topics);
          buses.push(bus);
          return bus;
        },
        async close() {
          await Promise.all(buses.map((bus) => bus.close()));
        },
      };
    },
  };
}

/** Makes those topics beforehand that the tests want cleaned soon; the bus makes the others, and checks all. */
export async function makeCleaned(
  address: string,
  topics: readonly TopicSpec[],
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const cleaned = topics.filter(({ cleanup, retentionMs }) => cleanup === "compact" || retentionMs !== null);
  if (cleaned.length === 0) return;
  const admin = adminOf(address);
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: false,
    topics: cleaned.map(({ name, partitions, cleanup, retentionMs }) => ({
      topic: name,
      numPartitions: partitions,
      configEntries: Object.entries({
        "cleanup.policy": cleanup,
        "retention.ms": String(retentionMs ?? -1),
        ...FAST_SEGMENTS,
        ...more,
      }).map(([key, value]) => ({ name: key, value })),
    })),
  });
  await admin.disconnect();
}

export function adminOf(address: string) {
  return new kafkajs.Kafka({
    brokers: [address],
    clientId: "test-admin",
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin();
}

/** Waits for a condition. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 20_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`after ${ms} ms still not: ${what}`);
    await pause(5);
  }
}
