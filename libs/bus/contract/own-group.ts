import assert from "node:assert/strict";
import { test } from "node:test";
import { LaneLost } from "../port.ts";
import { type BusHarness, type Fixture, openFixture, range, text, textOf, topic, unique } from "./harness.ts";
import { type OwnerUnderTest, own, ownership } from "./lane-recorder.ts";

/** What owners are promised as a group: sharing, handing over, guards. */
export function ownGroupContract(harness: BusHarness): void {
  test("a leaving owner's lanes go to the other, restored", async (t) => {
    const topics = ownership(4);
    const { bus, connect, until } = await openFixture(t, harness, topics.specs);
    const a = await own(bus, topics, "a");
    const b = await own(await connect(), topics, "b");
    await shared(until, a, b, 4);
    await bus.append(range(4, (p) => text(topics.log, "k", `e${p}`, p)));
    const leaving = [...a.held().keys()];
    const kept = [...b.held().values()];
    await a.running.stop();
    assert.equal(a.held().size, 0, "it is told that its lanes are lost");
    await until("the other has all", () => range(4, (p) => b.ready(p)).every(Boolean));
    for (const p of leaving) assert.deepEqual(b.ready(p)?.calls, ["foldFrom", `fold e${p}`, "caughtUp"]);
    for (const lane of kept) assert.equal(b.held().get(lane.partition), lane, "what it had stays as it is");
  });

  test("a new owner's inputs start at the first that was not done", async (t) => {
    const topics = ownership(1);
    const [commands = "", results = ""] = topics.inputs;
    const { bus, connect, until } = await openFixture(t, harness, topics.specs);
    await bus.append(range(6, (i) => text(commands, "k", `c${i}`)));
    await bus.append(range(2, (i) => text(results, "k", `r${i}`)));
    const a = await own(bus, topics, "a", {
      input(record, owner) {
        if (!["c2", "c4"].includes(textOf(record))) owner.done(record.topic, record.offset);
      },
    });
    await until("all inputs came", () => a.ready(0)?.inputs.length === 8);
    await a.running.stop();
    const b = await own(await connect(), topics, "b");
    await until("the last came again", () => b.ready(0)?.inputs.map(textOf).includes("c5") === true);
    assert.deepEqual(new Set(b.ready(0)?.inputs.map(textOf)), new Set(["c2", "c3", "c4", "c5"]));
  });

  test("done in any order commits only what is contiguous", async (t) => {
    const topics = ownership(1);
    const [commands = ""] = topics.inputs;
    const { bus, connect, until } = await openFixture(t, harness, topics.specs);
    await bus.append(range(5, (i) => text(commands, "k", `c${i}`)));
    const a = await own(bus, topics, "a", { input() {} });
    await until("all inputs came", () => a.ready(0)?.inputs.length === 5);
    const inputs = a.ready(0)?.inputs ?? [];
    for (const i of [4, 1, 3, 1]) a.ready(0)?.owner.done(commands, inputs[i]?.offset ?? -1);
    await a.running.stop();
    const b = await own(await connect(), topics, "b", { input() {} });
    await until("all come again", () => b.ready(0)?.inputs.length === 5);
    const again = b.ready(0)?.inputs ?? [];
    for (const i of [2, 0, 1]) b.ready(0)?.owner.done(commands, again[i]?.offset ?? -1);
    await b.running.stop();
    const c = await own(bus, topics, "c");
    await until("the last came", () => c.ready(0)?.inputs.map(textOf).includes("c4") === true);
    assert.deepEqual(c.ready(0)?.inputs.map(textOf), ["c3", "c4"]);
  });

  test("the guard holds for the owner, and nothing works once the lane is lost", async (t) => {
    const topics = ownership(4);
    const { bus, connect, until } = await openFixture(t, harness, topics.specs);
    const a = await own(bus, topics, "a");
    await until("it has caught up everywhere", () => range(4, (p) => a.ready(p)).every(Boolean));
    await a.ready(0)?.owner.guard();
    const owners = range(4, (p) => a.ready(p)?.owner);
    const b = await own(await connect(), topics, "b");
    await shared(until, a, b, 4);
    for (const [partition] of a.held()) await owners[partition]?.guard();
    for (const [partition, lane] of b.held()) {
      await lane.owner?.guard();
      const lost = owners[partition];
      assert.ok(lost);
      await assert.rejects(lost.guard(), LaneLost);
      await assert.rejects(lost.append([{ key: "k", value: null }]), LaneLost);
      await assert.rejects(lost.appendSnapshots([{ key: "k", value: null }]), LaneLost);
      await assert.rejects(lost.inputEnd(topics.inputs[0] ?? ""), LaneLost);
      lost.takeInputs();
      lost.done(topics.inputs[0] ?? "", 0);
      lost.abandon("no more mine");
    }
    for (const lane of a.lanes.filter(({ lostWhy }) => lostWhy !== undefined)) {
      assert.equal(lane.calls.at(-1), "lost", "lost is the last call");
    }
  });

  test("an abandoned lane is handed out anew", async (t) => {
    const topics = ownership(2);
    const { bus, until } = await openFixture(t, harness, topics.specs);
    const a = await own(bus, topics, "a");
    await until("it has caught up", () => !!a.ready(0) && !!a.ready(1));
    const first = a.ready(1);
    first?.owner.abandon("a fault");
    await until("it is lost", () => first?.lostWhy !== undefined);
    await until("it is gained again", () => !!a.ready(1) && a.ready(1) !== first);
    await bus.append([text(topics.inputs[0] ?? "", "k", "c0", 1)]);
    await until("its inputs flow", () => a.ready(1)?.inputs.length === 1);
    assert.equal(first?.calls.at(-1), "lost");
  });

  test("every input reaches an owner though members come and go", async (t) => {
    const topics = ownership(4);
    const [commands = ""] = topics.inputs;
    const { bus, connect, until } = await openFixture(t, harness, topics.specs);
    const members = [await own(bus, topics, "m0")];
    let sent = 0;
    const send = async () => {
      await bus.append(range(100, (i) => text(commands, `k${i}`, String(sent + i))));
      sent += 100;
    };
    for (const n of range(3, (i) => i + 1)) {
      await send();
      members.push(await own(await connect(), topics, `m${n}`));
    }
    for (const member of members.slice(0, 3)) {
      await send();
      await member.running.stop();
      await send();
    }
    const seen = () =>
      new Set(members.flatMap(({ lanes }) => lanes.flatMap((lane) => lane.inputs)).map(textOf));
    await until("all inputs were seen", () => seen().size === sent);
  });

  test("topics with other partition counts, or unknown ones, cannot be owned together", async (t) => {
    const topics = ownership(2);
    const other = topic("other", 3);
    const { bus } = await openFixture(t, harness, [...topics.specs, other]);
    const { inputs, snapshots } = topics;
    const lane = () => {
      throw new Error("nothing is to be gained");
    };
    const options = { group: unique("owners"), inputs, snapshots, member: "a" };
    await assert.rejects(bus.own({ ...options, log: other.name }, lane), TypeError);
    await assert.rejects(bus.own({ ...options, log: "no-such-topic" }, lane), TypeError);
  });
}

/** Waits until two members share all partitions, each lane caught up. */
async function shared(
  until: Fixture["until"],
  a: OwnerUnderTest,
  b: OwnerUnderTest,
  partitions: number,
): Promise<void> {
  await until("both have their half", () => {
    const halves = [a, b].map((member) => [...member.held().keys()].filter((p) => member.ready(p)));
    const both = new Set(halves.flat());
    return halves.every((half) => half.length === partitions / 2) && both.size === partitions;
  });
}
