import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Bus, BusRecord, OutRecord, Readings, TopicSpec } from "../port.ts";

/** A bus as its adapter opens it. */
export type OpenedBus = Bus & Readings;

/** One bus with the topics of one test. */
export interface BusUnderTest {
  /** Connects anew, as a process of its own. */
  connect(): Promise<OpenedBus>;
  /** Ends all connections and frees what was made. */
  close(): Promise<void>;
}

/** What an adapter brings to the contract suite. */
export interface BusHarness {
  /** Makes sure that these topics exist (their names are new) and gives the way to them. */
  open(topics: readonly TopicSpec[]): Promise<BusUnderTest>;
  /** How long a condition may take to come true, milliseconds: a rebalance, a delivery. */
  patienceMs: number;
  /** How long compaction or retention may take to show, milliseconds. */
  cleaningMs: number;
  /** The number of unhandled inputs above which the adapter reads no more for a lane. */
  maxUnhandled: number;
}

/** What one test works with. */
export interface Fixture {
  harness: BusHarness;
  /** The first connection. */
  bus: OpenedBus;
  connect(): Promise<OpenedBus>;
  /** Waits for a condition; fails after the harness's patience. */
  until(what: string, condition: () => boolean | Promise<boolean>, ms?: number): Promise<void>;
}

/** Opens a bus for one test, closed when the test ends. */
export async function openFixture(
  t: TestContext,
  harness: BusHarness,
  topics: readonly TopicSpec[],
): Promise<Fixture> {
  const underTest = await harness.open(topics);
  t.after(() => underTest.close());
  const connect = () => underTest.connect();
  const until = (what: string, condition: () => boolean | Promise<boolean>, ms = harness.patienceMs) =>
    waitFor(what, condition, ms);
  return { harness, bus: await connect(), connect, until };
}

async function waitFor(what: string, condition: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`after ${ms} ms still not: ${what}`);
    await pause(5);
  }
}

/** A name that no other test and no earlier run uses. */
export function unique(name: string): string {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

export function topic(name: string, partitions: number, spec: Partial<TopicSpec> = {}): TopicSpec {
  return { name: unique(name), partitions, cleanup: "delete", retentionMs: null, ...spec };
}

/** A record with a text for its value. */
export function text(topicName: string, key: string, value: string, partition?: number): OutRecord {
  return { topic: topicName, key, value: Buffer.from(value), partition };
}

/** The text of a record's value; "null" where it has none. */
export function textOf(record: BusRecord): string {
  return record.value === null ? "null" : Buffer.from(record.value).toString();
}

/** Texts `from` to before `to`, made by `make`. */
export function range<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
