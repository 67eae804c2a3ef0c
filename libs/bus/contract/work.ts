import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bus, BusRecord, Done, Running, WorkOptions } from "../port.ts";
import { type BusHarness, openFixture, range, text, textOf, topic, unique } from "./harness.ts";

/** What work groups promise. */
export function workContract(harness: BusHarness): void {
  test("members share the partitions, and every record is taken by one of them at least", async (t) => {
    const tasks = topic("tasks", 6);
    const { bus, connect, until } = await openFixture(t, harness, [tasks]);
    const options = { group: unique("workers"), topic: tasks.name };
    const a = await worker(bus, { ...options, member: "a" }, (_, done) => done());
    const b = await worker(await connect(), { ...options, member: "b" }, (_, done) => done());
    await until("each has half of the partitions", () => a.partitions.size === 3 && b.partitions.size === 3);
    assert.deepEqual(new Set([...a.partitions, ...b.partitions]), new Set(range(6, (i) => i)));
    await bus.append(range(300, (i) => text(tasks.name, `k${i}`, String(i))));
    const all = () => new Set([...a.taken, ...b.taken].map(textOf));
    await until("all are taken", () => all().size === 300);
    assert.ok(a.taken.length > 0 && b.taken.length > 0);
  });

  test("records of a partition come in order", async (t) => {
    const tasks = topic("tasks", 2);
    const { bus, until } = await openFixture(t, harness, [tasks]);
    const options = { group: unique("workers"), topic: tasks.name, member: "a" };
    const { taken } = await worker(bus, options, (_, done) => done());
    for (const i of range(20, (n) => n)) {
      await bus.append(range(10, (j) => text(tasks.name, "k", String(i * 10 + j), 1)));
    }
    await until("all are taken", () => new Set(taken.map(textOf)).size === 200);
    const offsets = [...new Set(taken.map(({ offset }) => offset))];
    assert.deepEqual(
      offsets,
      offsets.toSorted((x, y) => x - y),
    );
  });

  test("what was not done is taken again after a stop, what was done before it is not", async (t) => {
    const tasks = topic("tasks", 1);
    const { bus, until } = await openFixture(t, harness, [tasks]);
    const options = { group: unique("workers"), topic: tasks.name };
    const first = await worker(bus, { ...options, member: "a" }, (record, done) => {
      if (!["3", "6"].includes(textOf(record))) done();
    });
    await bus.append(range(10, (i) => text(tasks.name, "k", String(i))));
    await until("all are taken", () => first.taken.length >= 10);
    await first.running.stop();
    const second = await worker(bus, { ...options, member: "b" }, (_, done) => done());
    await until("the last is taken again", () => second.taken.map(textOf).includes("9"));
    assert.deepEqual(
      second.taken.map(textOf),
      range(7, (i) => String(i + 3)),
      "from the first undone on",
    );
    await second.running.stop();
    const third = await worker(bus, { ...options, member: "c" }, (_, done) => done());
    await bus.append([text(tasks.name, "k", "10")]);
    await until("the new one is taken", () => third.taken.length > 0);
    assert.deepEqual(third.taken.map(textOf), ["10"]);
  });

  test("a note stays with the offset before which it was given", async (t) => {
    const tasks = topic("tasks", 2);
    const { bus, until } = await openFixture(t, harness, [tasks]);
    const options = { group: unique("workers"), topic: tasks.name };
    const dones = new Map<string, Done>();
    const first = await worker(bus, { ...options, member: "a" }, (record, done) => {
      dones.set(textOf(record), done);
    });
    await bus.append(range(5, (i) => text(tasks.name, "k", String(i), 1)));
    await until("all are taken", () => dones.size === 5);
    assert.deepEqual(
      [...first.notes],
      [
        [0, null],
        [1, null],
      ],
    );
    // 3 is done too early: its note does not count while 2 is open.
    for (const n of ["0", "1", "3"]) dones.get(n)?.(`after ${n}`);
    assert.throws(() => dones.get("4")?.("x".repeat(1_001)), RangeError);
    await first.running.stop();
    const second = await worker(bus, { ...options, member: "b" }, (record, done) => {
      if (textOf(record) === "2") done("after 2 again");
      if (textOf(record) === "3") done();
    });
    await until("the rest is taken", () => second.taken.length >= 3);
    assert.deepEqual(
      [...second.notes],
      [
        [0, null],
        [1, "after 1"],
      ],
    );
    assert.deepEqual(second.taken.map(textOf), ["2", "3", "4"]);
    await second.running.stop();
    const third = await worker(bus, { ...options, member: "c" }, () => {});
    await until("the last is taken", () => third.taken.length > 0);
    assert.equal(third.notes.get(1), "after 2 again", "the last note before the offset counts");
  });

  test("a member holds no more than it wants, and goes on when something is done", async (t) => {
    const tasks = topic("tasks", 3);
    const { bus, until } = await openFixture(t, harness, [tasks]);
    const held: Done[] = [];
    let most = 0;
    const options = { group: unique("workers"), topic: tasks.name, member: "a", maxInFlight: 7 };
    const { taken } = await worker(bus, options, (_, done) => {
      held.push(done);
      most = Math.max(most, held.length);
    });
    await bus.append(range(100, (i) => text(tasks.name, `k${i}`, String(i))));
    while (new Set(taken.map(textOf)).size < 100) {
      await until("it is full, or all are taken", () => held.length === 7 || taken.length >= 100);
      held.splice(2, 1)[0]?.();
    }
    assert.equal(most, 7);
  });

  test("what a member leaves when another joins is the other's to do", async (t) => {
    const tasks = topic("tasks", 4);
    const { bus, connect, until } = await openFixture(t, harness, [tasks]);
    const options = { group: unique("workers"), topic: tasks.name };
    const stale: Done[] = [];
    const a = await worker(bus, { ...options, member: "a", maxInFlight: 20 }, (_, done) => stale.push(done));
    await bus.append(range(20, (i) => text(tasks.name, "k", String(i), 2 + (i % 2))));
    await until("the first holds all that it may", () => new Set(a.taken.map(textOf)).size === 20);
    await bus.append(range(20, (i) => text(tasks.name, "k", String(20 + i), i % 2)));
    const b = await worker(await connect(), { ...options, member: "b" }, (_, done) => done());
    await until("the second has its share", () => b.partitions.size === 2 && a.partitions.size === 2);
    await until("it takes what was undone there", () => new Set(b.taken.map(textOf)).size === 20);
    const kept = () => a.taken.filter(({ partition }) => a.partitions.has(partition)).map(textOf);
    await until("the first takes the rest of what it kept", () => new Set(kept()).size === 20);
    for (const done of stale) done();
    assert.ok(b.taken.every(({ partition }) => b.partitions.has(partition)));
  });

  test("what take throws ends the member, and the others go on", async (t) => {
    const tasks = topic("tasks", 2);
    const { bus, connect, until } = await openFixture(t, harness, [tasks]);
    const options = { group: unique("workers"), topic: tasks.name };
    const a = await worker(bus, { ...options, member: "a" }, () => {
      throw new Error("cannot take");
    });
    const failed = assert.rejects(a.running.failed, /cannot take/);
    await bus.append([text(tasks.name, "k", "0")]);
    await failed;
    const b = await worker(await connect(), { ...options, member: "b" }, (_, done) => done());
    await until("the other takes it", () => b.taken.length > 0);
    assert.equal(a.taken.length, 1);
  });

  test("groups are apart, and an unknown topic is refused", async (t) => {
    const tasks = topic("tasks", 1);
    const { bus, until } = await openFixture(t, harness, [tasks]);
    const groups = [unique("g"), unique("g")];
    const members = await Promise.all(
      groups.map((group) => worker(bus, { group, topic: tasks.name, member: group }, (_, done) => done())),
    );
    await bus.append([text(tasks.name, "k", "0")]);
    await until("both groups took it", () => members.every(({ taken }) => taken.length > 0));
    const options = { group: unique("g"), topic: "no-such-topic", member: "a", assigned() {} };
    await assert.rejects(
      bus.work(options, () => {}),
      TypeError,
    );
  });
}

interface Worker {
  running: Running;
  taken: BusRecord[];
  partitions: Set<number>;
  notes: Map<number, string | null>;
}

/** A member that keeps what it takes and what it holds. */
async function worker(
  bus: Bus,
  options: Omit<WorkOptions, "assigned">,
  take: (record: BusRecord, done: Done) => void,
): Promise<Worker> {
  const self = {
    taken: [] as BusRecord[],
    partitions: new Set<number>(),
    notes: new Map<number, string | null>(),
  };
  const assigned: WorkOptions["assigned"] = (partitions) => {
    self.partitions = new Set(partitions.map(({ partition }) => partition));
    for (const { partition, note } of partitions) self.notes.set(partition, note);
  };
  const running = await bus.work({ ...options, assigned }, (record, done) => {
    self.taken.push(record);
    take(record, done);
  });
  return Object.assign(self, { running });
}
