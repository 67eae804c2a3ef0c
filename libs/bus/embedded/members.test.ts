import assert from "node:assert/strict";
import { test } from "node:test";
import { readAll } from "../contract/append.ts";
import { textOf } from "../contract/harness.ts";
import { type LaneHabits, own } from "../contract/lane-recorder.ts";
import { LaneLost } from "../port.ts";
import type { EmbeddedBus } from "./open.ts";
import { INPUT, LOG, openVirtual, SNAPSHOTS } from "./testing/open.ts";

const TOPICS = [LOG, INPUT, SNAPSHOTS];
const OWNERS = { group: "owners", inputs: ["input"], log: "log", snapshots: "snapshots", specs: TOPICS };
const LIMITS = { sessionTimeoutMs: 1_000, zombieMs: 100, commitEveryMs: 10 };
const put = (value: string, topic = "log") => ({ topic, key: "k", value: Buffer.from(value) });
const event = (value: string) => ({ key: "k", value: Buffer.from(value) });

const join = (bus: EmbeddedBus, member: string, habits: LaneHabits = {}) =>
  own(bus.as(member), OWNERS, member, habits);

test("a paused member is called and answered nothing, and goes on where it was", async (t) => {
  const { bus, clock } = openVirtual(t, TOPICS, { limits: LIMITS });
  const a = await join(bus, "a");
  const seen: string[] = [];
  const view = await bus.as("a").view({ topics: ["log"], from: "low" }, (r) => seen.push(textOf(r)));
  await clock.advance(0);
  const lane = a.ready(0);
  assert.ok(lane);
  const answers: string[] = [];
  const note = (what: string, answer: Promise<unknown>) =>
    answer.then(
      () => answers.push(what),
      () => answers.push(`${what} refused`),
    );
  void note("sent before", bus.as("a").append([put("e0")]));
  bus.pauseMember("a");
  void note("sent meanwhile", bus.as("a").append([put("e2")]));
  void note("guard", lane.owner.guard());
  void note("caughtUp", view.caughtUp());
  await bus.append([put("e1"), put("c0", "input")]);
  await clock.advance(999);
  assert.deepEqual([answers, seen, lane.calls], [[], [], ["foldFrom", "caughtUp"]]);
  assert.deepEqual((await readAll(bus, "log")).map(textOf), ["e0", "e1"]);
  bus.resumeMember("a");
  await clock.advance(0);
  assert.deepEqual(answers.toSorted(), ["caughtUp", "guard", "sent before", "sent meanwhile"]);
  assert.deepEqual(seen, ["e0", "e1", "e2"]);
  assert.deepEqual(lane.calls.slice(2).toSorted(), ["fold e0", "fold e1", "fold e2", "input c0"]);
});

test("what was on its way to a paused member comes once it is back, without anything new", async (t) => {
  const faults = { deliveryDelayMs: (reader: string) => (reader.startsWith("view:late") ? 50 : 0) };
  const { bus, clock } = openVirtual(t, [LOG], { limits: LIMITS, faults });
  const seen: string[] = [];
  for (const member of ["late", "early"]) {
    await bus.view({ topics: ["log"], from: "low", member }, (r) => seen.push(`${member} ${textOf(r)}`));
  }
  await clock.advance(100);
  bus.pauseMember("early");
  await bus.append([put("e0")]);
  await clock.advance(20);
  bus.pauseMember("late");
  await clock.advance(100);
  assert.deepEqual(seen, []);
  for (const member of ["late", "early"]) bus.resumeMember(member);
  await clock.advance(100);
  assert.deepEqual(seen.toSorted(), ["early e0", "late e0"]);
});

test("what a zombie says is done does not count", async (t) => {
  const { bus, clock } = openVirtual(t, TOPICS, { limits: LIMITS });
  const a = await join(bus, "a", { input() {} });
  const b = await join(bus, "b", { input() {} });
  await bus.append([put("c0", "input"), put("c1", "input")]);
  await clock.advance(0);
  const zombie = a.ready(0);
  bus.pauseMember("a");
  await clock.advance(1_000);
  assert.ok(b.ready(0));
  bus.resumeMember("a");
  for (const { topic, offset } of zombie?.inputs ?? []) zombie?.owner.done(topic, offset);
  await clock.advance(50);
  assert.equal(zombie?.lostWhy, undefined, "it still believes itself the owner");
  bus.dropMember("b");
  await clock.advance(2_000);
  assert.deepEqual(a.ready(0)?.inputs.map(textOf), ["c0", "c1"]);
});

test("a member paused beyond its session loses its lane to another, and comes back as a zombie", async (t) => {
  const { bus, clock } = openVirtual(t, TOPICS, { limits: LIMITS });
  const a = await join(bus, "a", { input() {} });
  const b = await join(bus, "b");
  await clock.advance(0);
  await bus.append([put("c0", "input"), put("c1", "input")]);
  await clock.advance(0);
  const zombie = a.ready(0);
  assert.deepEqual(zombie?.inputs.map(textOf), ["c0", "c1"]);
  bus.pauseMember("a");
  zombie.owner.done("input", zombie.inputs[0]?.offset ?? -1);
  const held = zombie.owner.append([event("of the zombie")]);
  await clock.advance(999);
  assert.equal(b.lanes.length, 0, "its session is not over");
  await clock.advance(1);
  const successor = b.ready(0);
  assert.deepEqual(successor?.inputs.map(textOf), ["c0", "c1"], "what it did not commit comes again");
  await successor.owner.append([event("of the successor")]);

  bus.resumeMember("a");
  assert.deepEqual(await held, [1], "a zombie's append goes through, as on Kafka");
  await clock.advance(0);
  assert.equal(zombie.lostWhy, undefined, "it does not know yet");
  assert.equal(zombie.calls.at(-1), "fold of the zombie");
  await assert.rejects(zombie.owner.guard(), LaneLost);
  assert.equal(zombie.lostWhy, "the session expired");
  await assert.rejects(zombie.owner.append([event("too late")]), LaneLost);
  await successor.owner.guard();
  await clock.advance(1_000);
  assert.equal(b.held().size, 1, "the successor keeps the lane while the other is a member again");
  await successor.owner.guard();
  await b.running.stop();
  await clock.advance(0);
  assert.ok(a.ready(0), "the other can have it again");
});

test("a zombie that asks for nothing learns of its loss by itself", async (t) => {
  const { bus, clock } = openVirtual(t, TOPICS, { limits: LIMITS });
  const a = await join(bus, "a");
  await clock.advance(0);
  const zombie = a.ready(0);
  bus.pauseMember("a");
  await clock.advance(5_000);
  bus.resumeMember("a");
  await clock.advance(99);
  assert.equal(zombie?.lostWhy, undefined);
  await clock.advance(1);
  assert.equal(zombie?.lostWhy, "the session expired");
  assert.ok(a.ready(0), "as no one else wants it, it is this member's again");
});

test("a join waits for a silent member, until that comes back or is counted out", async (t) => {
  const { bus, clock } = openVirtual(
    t,
    TOPICS.map((spec) => ({ ...spec, partitions: 2 })),
    { limits: LIMITS },
  );
  const a = await join(bus, "a");
  await clock.advance(0);
  bus.pauseMember("a");
  const b = await join(bus, "b");
  await clock.advance(500);
  assert.equal(b.lanes.length, 0);
  bus.resumeMember("a");
  await clock.advance(0);
  assert.deepEqual([a.held().size, b.held().size], [1, 1]);
  bus.pauseMember("a");
  await clock.advance(1_000);
  assert.deepEqual([a.held().size, b.held().size], [1, 2], "the paused one does not know");
});

test("a dropped member is called and answered nothing any more, and its name can be used again", async (t) => {
  const { bus, clock } = openVirtual(t, TOPICS, { limits: LIMITS });
  const old = bus.as("a");
  const a = await join(bus, "a", { input() {} });
  const seen: string[] = [];
  const view = await old.view({ topics: ["log"], from: "low" }, (r) => seen.push(textOf(r)));
  const failures: unknown[] = [];
  a.running.failed.catch((error) => failures.push(error));
  await clock.advance(0);
  const lane = a.ready(0);
  await bus.append([put("c0", "input")]);
  await clock.advance(0);
  const calls = lane?.calls.length;
  lane?.owner.done("input", 0);
  let settled = 0;
  const count = () => settled++;
  old.append([put("in flight")]).then(count, count);
  bus.dropMember("a");
  for (const promise of [
    old.append([put("never")]),
    old.ends("log"),
    view.caughtUp(5),
    lane?.owner.guard(),
    lane?.owner.append([event("never")]),
    a.running.stop(),
    view.stop(),
  ]) {
    promise?.then(count, count);
  }
  const again = await join(bus, "a");
  await bus.append([put("later")]);
  await clock.advance(999);
  assert.equal(again.lanes.length, 0, "the dead one's session is not over");
  await clock.advance(5_000);
  assert.deepEqual([settled, seen, lane?.calls.length, failures], [0, [], calls, []]);
  assert.deepEqual((await readAll(bus, "log")).map(textOf), ["in flight", "later"]);
  const successor = again.ready(0);
  assert.deepEqual(successor?.inputs.map(textOf), ["c0"], "what it did was not committed yet");
  assert.equal(lane?.lostWhy, undefined);
});

test("a dropped worker's undone records go to another", async (t) => {
  const { bus, clock } = openVirtual(t, [LOG], { limits: LIMITS });
  const taken: string[] = [];
  const work = (member: string, done: boolean) =>
    bus.work({ group: "g", topic: "log", member, assigned() {} }, (r, isDone) => {
      taken.push(`${member} ${textOf(r)}`);
      if (done || textOf(r) === "0") isDone();
    });
  await work("a", false);
  await bus.append([put("0"), put("1")]);
  await clock.advance(50);
  bus.dropMember("a");
  await work("b", true);
  await clock.advance(2_000);
  assert.deepEqual(taken, ["a 0", "a 1", "b 1"]);
});

test("closing one member's face ends what runs through it, gracefully, and nothing else", async (t) => {
  const { bus, clock } = openVirtual(t, TOPICS, { limits: LIMITS });
  const a = await join(bus, "a");
  const b = await join(bus, "b");
  await bus.append([put("c0", "input")]);
  await clock.advance(0);
  const face = bus.as("a");
  await face.close();
  assert.equal(a.lanes[0]?.lostWhy, "stopped");
  await assert.rejects(face.append([put("x")]), /closed/);
  await bus.append([put("c1", "input")]);
  await clock.advance(0);
  assert.deepEqual(b.ready(0)?.inputs.map(textOf), ["c1"], "at once, from what the other committed");
  await bus.as("a").append([put("a new one of that name")]);
});
