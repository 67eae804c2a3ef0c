import assert from "node:assert/strict";
import { test } from "node:test";
import { type BusHarness, openFixture, range, text, textOf } from "./harness.ts";
import { own, ownership } from "./lane-recorder.ts";

/** What one lane is promised: restore, tail, inputs, hands. */
export function laneContract(harness: BusHarness): void {
  test("a lane gets snapshots, then the log from where it says, then caughtUp, then the tail", async (t) => {
    const topics = ownership(2);
    const { bus, until } = await openFixture(t, harness, topics.specs);
    await bus.append(range(3, (i) => text(topics.snapshots, `tenant_${i}`, `s${i}`, 1)));
    const offsets = await bus.append(range(5, (i) => text(topics.log, "k", `e${i}`, 1)));
    await bus.append([text(topics.inputs[0] ?? "", "k", "c0", 1)]);
    const member = await own(bus, topics, "a", {
      foldFrom: (partition) => (partition === 1 ? (offsets[3] ?? -1) : "low"),
      caughtUp() {},
    });
    await until("both lanes have caught up", () => !!member.ready(0) && !!member.ready(1));
    assert.deepEqual(member.ready(0)?.calls, ["foldFrom", "caughtUp"]);
    const restored = [
      "snapshot s0",
      "snapshot s1",
      "snapshot s2",
      "foldFrom",
      "fold e3",
      "fold e4",
      "caughtUp",
    ];
    assert.deepEqual(member.ready(1)?.calls, restored);
    await bus.append([text(topics.log, "k", "e5", 1), text(topics.snapshots, "k", "late", 1)]);
    await until("the tail is folded", () => member.ready(1)?.calls.at(-1) === "fold e5");
    assert.deepEqual(member.ready(1)?.calls, [...restored, "fold e5"], "no input before takeInputs");
    member.ready(1)?.owner.takeInputs();
    await until("the input is taken", () => member.ready(1)?.calls.at(-1) === "input c0");
  });

  test("foldFrom low, below what is stored, and beyond the end", async (t) => {
    const topics = ownership(3);
    const { bus, until } = await openFixture(t, harness, topics.specs);
    await bus.append(range(3, (p) => text(topics.log, "k", `e${p}`, p)));
    const member = await own(bus, topics, "a", {
      foldFrom: (partition) => (["low", 0, 1_000_000] as const)[partition] ?? "low",
    });
    await until("all have caught up", () => range(3, (p) => member.ready(p)).every(Boolean));
    assert.deepEqual(member.ready(0)?.calls, ["foldFrom", "fold e0", "caughtUp"]);
    assert.deepEqual(member.ready(1)?.calls, ["foldFrom", "fold e1", "caughtUp"]);
    assert.deepEqual(member.ready(2)?.calls, ["foldFrom", "caughtUp"]);
    await bus.append([text(topics.log, "k", "next", 2)]);
    await until("the tail is folded", () => member.ready(2)?.calls.at(-1) === "fold next");
  });

  test("what an owner appends to its log is folded under the offsets that it was told", async (t) => {
    const topics = ownership(2);
    const { bus, until } = await openFixture(t, harness, topics.specs);
    const folded: number[] = [];
    const member = await own(bus, topics, "a", { fold: ({ offset }) => folded.push(offset) });
    await until("it has caught up", () => !!member.ready(1));
    const told: number[] = [];
    for (const i of range(10, (n) => n)) {
      const batch = range(5, (j) => ({ key: `k${j}`, value: Buffer.from(`e${i * 5 + j}`) }));
      told.push(...((await member.ready(1)?.owner.append(batch)) ?? []));
    }
    await until("all is folded", () => folded.length === 50);
    assert.deepEqual(folded, told);
    const folds = member.ready(1)?.calls.filter((call) => call.startsWith("fold "));
    assert.deepEqual(
      folds,
      range(50, (i) => `fold e${i}`),
    );
  });

  test("what others append to an owner's log is folded at its place among its own", async (t) => {
    const topics = ownership(1);
    const fixture = await openFixture(t, harness, topics.specs);
    const folded: { offset: number; text: string }[] = [];
    const member = await own(fixture.bus, topics, "a", {
      fold: (record) => folded.push({ offset: record.offset, text: textOf(record) }),
    });
    await fixture.until("it has caught up", () => !!member.ready(0));
    const owner = member.ready(0)?.owner;
    const other = await fixture.connect();
    const wanted = new Map<number, string>();
    for (const i of range(40, (n) => n)) {
      const mine = owner?.append([{ key: "k", value: Buffer.from(`mine ${i}`) }]);
      const theirs = i % 4 === 0 ? other.append([text(topics.log, "k", `theirs ${i}`, 0)]) : undefined;
      const [offset = -1] = (await mine) ?? [];
      wanted.set(offset, `mine ${i}`);
      for (const foreign of (await theirs) ?? []) wanted.set(foreign, `theirs ${i}`);
    }
    await fixture.until("all is folded", () => folded.length >= 50);
    const inOrder = [...wanted].sort(([a], [b]) => a - b).map(([offset, text]) => ({ offset, text }));
    assert.deepEqual(folded, inOrder);
    const [last = -1] = await other.append([text(topics.log, "k", "after a pause", 0)]);
    await fixture.until("a later one, too", () => folded.at(-1)?.offset === last);
  });

  test("inputs come in order from all input topics, with their end and position", async (t) => {
    const topics = ownership(1);
    const [commands = "", results = ""] = topics.inputs;
    const { bus, until } = await openFixture(t, harness, topics.specs);
    const offsets = await bus.append(range(20, (i) => text(commands, "k", `c${i}`)));
    await bus.append(range(20, (i) => text(results, "k", `r${i}`)));
    const member = await own(bus, topics, "a", { caughtUp() {} });
    await until("it has caught up", () => !!member.ready(0));
    const lane = member.ready(0);
    assert.ok(lane);
    assert.equal(lane.owner.inputPosition(commands), offsets[0]);
    assert.equal(await lane.owner.inputEnd(commands), (offsets.at(-1) ?? 0) + 1);
    lane.owner.takeInputs();
    await until("all inputs came", () => lane.inputs.length === 40);
    for (const [name, prefix] of [
      [commands, "c"],
      [results, "r"],
    ] as const) {
      const texts: string[] = lane.inputs.filter((record) => record.topic === name).map(textOf);
      assert.deepEqual(
        texts,
        range(20, (i) => `${prefix}${i}`),
      );
    }
    await until(
      "the position is the end",
      () => lane.owner.inputPosition(commands) === (offsets.at(-1) ?? 0) + 1,
    );
  });

  test("a lane that does nothing gets no more inputs than it can hold, but goes on folding", async (t) => {
    const topics = ownership(1);
    const [commands = ""] = topics.inputs;
    const total = harness.maxUnhandled * 4;
    const { bus, until } = await openFixture(t, harness, topics.specs);
    await bus.append(range(total, (i) => text(commands, "k", String(i))));
    const member = await own(bus, topics, "a", { input() {} });
    const inputs = () => member.ready(0)?.inputs ?? [];
    await until("it is full", () => inputs().length >= harness.maxUnhandled);
    for (const i of range(20, (n) => n)) {
      await bus.append([text(topics.log, "k", `e${i}`)]);
      await until("the log is folded", () => member.ready(0)?.calls.at(-1) === `fold e${i}`);
    }
    const held = inputs().length;
    assert.ok(held < total, `${held} of ${total} inputs were handed over`);
    assert.equal(member.ready(0)?.owner.unhandled, held);
    let done = 0;
    while (done < total) {
      for (const { topic, offset } of inputs().slice(done)) member.ready(0)?.owner.done(topic, offset);
      done = inputs().length;
      await until("more comes", () => done === total || inputs().length > done);
    }
    assert.deepEqual(inputs().map(textOf), range(total, String));
    assert.equal(member.ready(0)?.owner.unhandled, 0);
  });

  test("snapshots that an owner appends are what the next one restores", async (t) => {
    const topics = ownership(1);
    const { bus, connect, until } = await openFixture(t, harness, topics.specs);
    const first = await own(bus, topics, "a");
    await until("it has caught up", () => !!first.ready(0));
    await first.ready(0)?.owner.appendSnapshots([
      { key: "t1", value: Buffer.from("one") },
      { key: "t2", value: null },
    ]);
    await first.ready(0)?.owner.append([{ key: "t1", value: Buffer.from("e0"), headers: { a: "b" } }]);
    await first.running.stop();
    const second = await own(await connect(), topics, "b");
    await until("the next has caught up", () => !!second.ready(0));
    const calls = ["snapshot one", "snapshot null", "foldFrom", "fold e0", "caughtUp"];
    assert.deepEqual(second.ready(0)?.calls, calls);
  });

  test("what a lane throws ends the member, with no more calls", async (t) => {
    const topics = ownership(1);
    const { bus, until } = await openFixture(t, harness, topics.specs);
    const member = await own(bus, topics, "a", {
      fold(record) {
        if (textOf(record) === "bad") throw new Error("cannot fold");
      },
    });
    const failed = assert.rejects(member.running.failed, /cannot fold/);
    await until("it has caught up", () => !!member.ready(0));
    await bus.append(range(3, (i) => text(topics.log, "k", i === 1 ? "bad" : `e${i}`)));
    await failed;
    assert.deepEqual(member.lanes[0]?.calls.slice(0, 4), ["foldFrom", "caughtUp", "fold e0", "fold bad"]);
    const next = await own(bus, topics, "b");
    await until("another member can have the lane", () => !!next.ready(0));
    assert.ok(!member.lanes[0]?.calls.includes("fold e2"));
  });
}
