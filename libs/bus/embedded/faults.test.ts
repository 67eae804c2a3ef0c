import assert from "node:assert/strict";
import { test } from "node:test";
import { readAll } from "../contract/append.ts";
import { textOf } from "../contract/harness.ts";
import { type Bus, BusUnavailable, type Owner } from "../port.ts";
import type { AppendFault } from "./faults.ts";
import { INPUT, LOG, openVirtual, SNAPSHOTS } from "./testing/open.ts";

const record = (value: string) => ({ topic: "log", key: "k", value: Buffer.from(value) });

test("an append fails, is stored though it fails, or is stored twice", async (t) => {
  const plan: AppendFault[] = ["ok", "fail", "fail-but-stored", "store-twice", "ok"];
  const asked: string[] = [];
  const beforeAppend = (records: readonly { key: string }[], member: string): AppendFault => {
    asked.push(`${member}:${records.length}`);
    return plan.shift() ?? "ok";
  };
  const { bus } = openVirtual(t, [LOG], { faults: { beforeAppend } });
  const a = bus.as("a");
  assert.deepEqual(await a.append([record("0")]), [0]);
  await assert.rejects(a.append([record("1")]), BusUnavailable);
  await assert.rejects(a.append([record("2"), record("3")]), BusUnavailable);
  assert.deepEqual(await a.append([record("4"), record("5")]), [5, 6]);
  assert.deepEqual(await bus.append([record("6")]), [7]);
  assert.deepEqual((await readAll(bus, "log")).map(textOf), ["0", "2", "3", "4", "5", "4", "5", "6"]);
  assert.deepEqual(asked, ["a:1", "a:1", "a:2", "a:2", ":1"]);
});

test("dead letters and owners' appends meet the same faults", async (t) => {
  const faults = { beforeAppend: (): AppendFault => "fail" };
  const { bus } = openVirtual(t, [LOG, INPUT, SNAPSHOTS, { ...LOG, name: "log.dlq" }], { faults });
  const lane = await gain(bus.as("a"), "a");
  await assert.rejects(lane.owner.append([{ key: "k", value: null }]), BusUnavailable);
  await assert.rejects(lane.owner.appendSnapshots([{ key: "k", value: null }]), BusUnavailable);
  const dead = { ...record("x"), partition: 0, offset: 0, headers: {}, time: 0 };
  await assert.rejects(bus.dead(dead, new Error("bad")), BusUnavailable);
});

test("an append can be late, and so can its answer", async (t) => {
  const faults = { appendDelayMs: () => 10, ackDelayMs: () => 20 };
  const { bus, clock } = openVirtual(t, [LOG], { faults });
  const seen: string[] = [];
  await bus.view({ topics: ["log"], from: "low" }, (r) => seen.push(textOf(r)));
  let answer: number[] | undefined;
  void bus.append([record("0")]).then((offsets) => {
    answer = offsets;
  });
  await clock.advance(9);
  assert.deepEqual(seen, []);
  await clock.advance(1);
  assert.deepEqual([seen, answer], [["0"], undefined], "readers see it before its writer knows");
  await clock.advance(20);
  assert.deepEqual(answer, [0]);
});

test("a reader's deliveries can be late: nothing is lost or out of order, others are not held up", async (t) => {
  const asked = new Set<string>();
  const deliveryDelayMs = (reader: string) => {
    asked.add(reader);
    return reader.startsWith("view:slow") ? 200 : 0;
  };
  const { bus, clock } = openVirtual(t, [LOG], { faults: { deliveryDelayMs } });
  const seen = { slow: [] as string[], fast: [] as string[] };
  const slow = await bus.view({ topics: ["log"], from: "low", member: "slow" }, (r) =>
    seen.slow.push(textOf(r)),
  );
  await bus.view({ topics: ["log"], from: "low", member: "fast" }, (r) => seen.fast.push(textOf(r)));
  for (const value of ["0", "1", "2"]) {
    await bus.append([record(value)]);
    await clock.advance(20);
  }
  assert.deepEqual(seen.fast, ["0", "1", "2"]);
  assert.deepEqual(seen.slow, []);
  const early = slow.caughtUp(5);
  const late = slow.caughtUp(500);
  await clock.advance(5);
  assert.equal(await early, false, "the time passed first");
  await clock.advance(200);
  assert.equal(await late, true);
  assert.deepEqual(seen.slow, ["0", "1", "2"]);
  assert.deepEqual([...asked].sort(), ["view:fast:log", "view:slow:log"]);
});

test("a member that is cut off is told so, and loses nothing", async (t) => {
  let away = false;
  const faults = { unreachable: (member: string) => away && member === "a" };
  const { bus, clock } = openVirtual(t, [LOG, INPUT, SNAPSHOTS], { faults });
  const a = bus.as("a");
  const lane = await gain(a, "a");
  const view = await a.view({ topics: ["log"], from: "low" }, () => {});
  away = true;
  for (const attempt of [
    () => a.append([record("0")]),
    () => a.ends("log"),
    () => a.mark("log", 0, 1),
    () => view.caughtUp(),
    () => lane.owner.guard(),
    () => lane.owner.inputEnd("input"),
    () => lane.owner.append([{ key: "k", value: null }]),
  ]) {
    await assert.rejects(attempt(), BusUnavailable);
  }
  await bus.append([record("1")]);
  away = false;
  await clock.advance(0);
  await lane.owner.guard();
  assert.deepEqual(lane.calls, ["caughtUp", "fold 1"]);
});

test("one append of an owner at a time", async (t) => {
  const { bus } = openVirtual(t, [LOG, INPUT, SNAPSHOTS]);
  const lane = await gain(bus, "a");
  const first = lane.owner.append([{ key: "k", value: null }]);
  await assert.rejects(lane.owner.append([{ key: "k", value: null }]), /in flight/);
  assert.deepEqual(await first, [0]);
  assert.deepEqual(await lane.owner.append([{ key: "k", value: null }]), [1]);
});

test("a living member's name is taken, and a group reads the same topics", async (t) => {
  const { bus, clock } = openVirtual(t, [LOG, INPUT]);
  const join = (topic: string) => bus.work({ group: "g", topic, member: "a", assigned() {} }, () => {});
  const first = await join("log");
  await assert.rejects(join("log"), /member "a"/);
  await assert.rejects(join("input"), /group "g" reads log/);
  const stopped = first.stop();
  await clock.advance(0);
  await stopped;
  await join("log");
});

/** Joins as the only owner of the one partition, and waits until the lane has caught up. */
async function gain(bus: Bus, member: string): Promise<{ calls: string[]; owner: Owner }> {
  const calls: string[] = [];
  const { promise: caughtUp, resolve } = Promise.withResolvers<Owner>();
  const options = { group: "owners", inputs: ["input"], log: "log", snapshots: "snapshots", member };
  await bus.own(options, () => ({
    snapshot() {},
    foldFrom: () => "low",
    fold: (r) => calls.push(`fold ${textOf(r)}`),
    caughtUp(owner) {
      calls.push("caughtUp");
      resolve(owner);
    },
    input: (r) => calls.push(`input ${textOf(r)}`),
    lost: (why) => calls.push(`lost: ${why}`),
  }));
  return { calls, owner: await caughtUp };
}
