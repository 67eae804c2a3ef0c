import assert from "node:assert/strict";
import { test } from "node:test";
import { readAll } from "../contract/append.ts";
import type { TopicSpec } from "../port.ts";
import { LOG, openVirtual, SNAPSHOTS } from "./testing/open.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const SHORT: TopicSpec = { ...LOG, name: "short", retentionMs: 10 * MINUTE };
const put = (key: string, value: string | null, topic = "snapshots") => ({
  topic,
  key,
  value: value === null ? null : Buffer.from(value),
});

test("compaction keeps the last of each key once they are old enough, offsets as they were", async (t) => {
  const { bus, clock } = openVirtual(t, [SNAPSHOTS]);
  await bus.append([put("a", "1"), put("b", "1"), put("a", "2"), put("c", "1"), put("a", "3")]);
  await clock.advance(MINUTE - 1);
  assert.equal((await readAll(bus, "snapshots")).length, 5, "not before the lag is over");
  await clock.advance(2 * MINUTE);
  const left = await readAll(bus, "snapshots");
  assert.deepEqual(
    left.map(({ key, offset }) => [key, offset]),
    [
      ["b", 1],
      ["c", 3],
      ["a", 4],
    ],
  );
  assert.deepEqual(await bus.append([put("d", "1")]), [5]);
});

test("a young record supersedes nothing yet", async (t) => {
  const { bus, clock } = openVirtual(t, [SNAPSHOTS]);
  await bus.append([put("a", "1")]);
  await clock.advance(MINUTE / 2);
  await bus.append([put("a", "2")]);
  await clock.advance(MINUTE - 1);
  assert.equal((await readAll(bus, "snapshots")).length, 2);
  await clock.advance(2 * MINUTE);
  assert.equal((await readAll(bus, "snapshots")).length, 1);
});

test("a tombstone goes after its time, and what it hides before it", async (t) => {
  const { bus, clock } = openVirtual(t, [SNAPSHOTS]);
  await bus.append([put("a", "1"), put("b", "1"), put("a", null)]);
  await clock.advance(5 * MINUTE);
  assert.deepEqual(
    (await readAll(bus, "snapshots")).map(({ key, value }) => [key, value === null]),
    [
      ["b", false],
      ["a", true],
    ],
  );
  await clock.advance(DAY);
  assert.deepEqual(
    (await readAll(bus, "snapshots")).map(({ key }) => key),
    ["b"],
  );
  assert.deepEqual(clock.waiting(), [], "nothing is left to do");
});

test("a key that comes back after its tombstone stays", async (t) => {
  const { bus, clock } = openVirtual(t, [SNAPSHOTS]);
  await bus.append([put("a", "1"), put("a", null)]);
  await clock.advance(5 * MINUTE);
  await bus.append([put("a", "2")]);
  await clock.advance(2 * DAY);
  assert.deepEqual(
    (await readAll(bus, "snapshots")).map(({ offset }) => offset),
    [2],
  );
});

test("compaction runs again once as much is new as the last run left", async (t) => {
  const { bus, clock } = openVirtual(t, [SNAPSHOTS]);
  const all = () => readAll(bus, "snapshots");
  await bus.append(Array.from({ length: 100 }, (_, i) => put(`k${i}`, "1")));
  await clock.advance(5 * MINUTE);
  assert.equal((await all()).length, 100);
  for (let i = 0; i < 60; i++) await bus.append([put("k0", String(i))]);
  await clock.advance(5 * MINUTE);
  assert.equal((await all()).length, 160, "60 new ones are not worth a pass over 100");
  for (let i = 0; i < 60; i++) await bus.append([put("k1", String(i))]);
  await clock.advance(5 * MINUTE);
  assert.equal((await all()).length, 100);
});

test("cleaning a large partition comes in slices between which appends go on", async (t) => {
  const { bus, clock } = openVirtual(t, [SNAPSHOTS, SHORT]);
  for (const topic of ["snapshots", "short"]) {
    await bus.append(Array.from({ length: 5_000 }, (_, i) => put(`k${i % 2}`, "1", topic)));
  }
  await clock.advance(10 * MINUTE - 1);
  const at = clock.now();
  const sizes = new Set<number>();
  while (((await bus.ends("short")).get(0)?.low ?? 0) < 5_000 && clock.now() < at + 5 * MINUTE) {
    await clock.advance(5);
    sizes.add((await bus.ends("short")).get(0)?.low ?? 0);
    await bus.append([put("k0", "2")]);
  }
  assert.ok(sizes.size >= 10, `the low mark moved in ${sizes.size} steps`);
  assert.deepEqual(await readAll(bus, "short"), []);
});

test("retention drops what is old, and only that", async (t) => {
  const { bus, clock } = openVirtual(t, [SHORT, LOG]);
  await bus.append([put("a", "old", "short"), put("a", "kept", "log")]);
  await clock.advance(8 * MINUTE);
  await bus.append([put("a", "young", "short")]);
  await clock.advance(4 * MINUTE);
  assert.deepEqual(
    (await readAll(bus, "short")).map(({ offset }) => offset),
    [1],
  );
  assert.deepEqual((await bus.ends("short")).get(0), { low: 1, end: 2 });
  await clock.advance(10 * MINUTE);
  assert.deepEqual((await bus.ends("short")).get(0), { low: 2, end: 2 });
  assert.equal(await bus.mark("short", 0, 2), null);
  await clock.advance(DAY);
  assert.equal((await readAll(bus, "log")).length, 1, "without a retention all stays");
  assert.deepEqual(clock.waiting(), []);
});

test("retention of a month waits in steps that timers can take", async (t) => {
  const month: TopicSpec = { ...SHORT, retentionMs: 30 * DAY };
  const { bus, clock } = openVirtual(t, [month]);
  await bus.append([put("a", "1", "short")]);
  assert.ok(clock.waiting().every((ms) => ms < 2 ** 31));
  await clock.advance(30 * DAY - MINUTE);
  assert.equal((await readAll(bus, "short")).length, 1);
  await clock.advance(2 * DAY);
  assert.equal((await readAll(bus, "short")).length, 0);
});

test("a reader behind the low mark goes on at what is left", async (t) => {
  const { bus, clock } = openVirtual(t, [SHORT], { limits: { maxUnhandled: 1 } });
  await bus.append([put("a", "0", "short"), put("a", "1", "short"), put("a", "2", "short")]);
  const taken: number[] = [];
  const dones: (() => void)[] = [];
  await bus.work(
    { group: "g", topic: "short", member: "m", assigned() {}, maxInFlight: 1 },
    (record, done) => {
      taken.push(record.offset);
      dones.push(done);
    },
  );
  await clock.advance(1);
  // A reader keeps the page that it read; what was never read is gone.
  const position = new Map([["short", new Map([[0, 1]])]]);
  await clock.advance(30 * MINUTE);
  await bus.append([put("a", "3", "short")]);
  const seen: number[] = [];
  const view = await bus.view({ topics: ["short"], from: position }, (record) => seen.push(record.offset));
  await view.caughtUp();
  assert.deepEqual(seen, [3]);
  while (dones.length > 0) {
    dones.shift()?.();
    await clock.advance(1);
  }
  assert.equal(taken.at(-1), 3);
});
