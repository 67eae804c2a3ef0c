import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bus, BusRecord, ViewOptions } from "../port.ts";
import { readAll } from "./append.ts";
import { type BusHarness, openFixture, range, text, textOf, topic } from "./harness.ts";

/** What views, compaction and retention promise. */
export function viewContract(harness: BusHarness): void {
  test("a view starts where it is told: low, end, an offset, beyond either", async (t) => {
    const log = topic("log", 2);
    const { bus, until } = await openFixture(t, harness, [log]);
    const offsets = await bus.append(range(10, (i) => text(log.name, "k", String(i), 1)));
    const at = (offset: number) => new Map([[log.name, new Map([[1, offset]])]]);
    const cases: { from: ViewOptions["from"]; first: number }[] = [
      { from: "low", first: 0 },
      { from: "end", first: 10 },
      { from: at(offsets[4] ?? -1), first: 4 },
      { from: at((offsets[9] ?? -1) + 1_000), first: 10 },
      { from: new Map(), first: 0 },
    ];
    const views = await Promise.all(cases.map(({ from }) => collect(bus, [log.name], from)));
    for (const { view } of views) assert.equal(await view.caughtUp(), true);
    await bus.append([text(log.name, "k", "10", 1)]);
    for (const [i, { seen }] of views.entries()) {
      const wanted = range(11, String).slice(cases[i]?.first);
      await until(`view ${i} saw the last record`, () => seen.map(textOf).at(-1) === "10");
      assert.deepEqual(seen.map(textOf), wanted);
    }
  });

  test("every view sees every record, of all its topics", async (t) => {
    const [a, b] = [topic("a", 3), topic("b", 1)];
    const fixture = await openFixture(t, harness, [a, b]);
    const other = await fixture.connect();
    const views = [
      await collect(fixture.bus, [a.name, b.name], "low"),
      await collect(fixture.bus, [a.name, b.name], "low"),
      await collect(other, [a.name, b.name], "low"),
    ];
    await fixture.bus.append(range(100, (i) => text(i % 2 ? a.name : b.name, `k${i}`, String(i))));
    for (const { view, seen } of views) {
      assert.equal(await view.caughtUp(), true);
      assert.deepEqual(new Set(seen.map(textOf)), new Set(range(100, String)));
    }
  });

  test("a view that has caught up stands at the ends and has folded what was stored before", async (t) => {
    const log = topic("log", 4);
    const { bus } = await openFixture(t, harness, [log]);
    const { view, seen } = await collect(bus, [log.name], "low");
    assert.equal(await view.caughtUp(), true, "an empty topic has nothing to fold");
    for (const round of range(5, (i) => i)) {
      await bus.append(range(200, (i) => text(log.name, `k${i}`, `${round}/${i}`)));
      assert.equal(await view.caughtUp(harness.patienceMs), true);
      assert.equal(seen.length, (round + 1) * 200);
    }
    const late = await collect(bus, [log.name], "low");
    assert.equal(await late.view.caughtUp(), true);
    assert.equal(late.seen.length, 1_000);
    const ends = await bus.ends(log.name);
    assert.deepEqual(view.position(log.name), new Map([...ends].map(([p, { end }]) => [p, end])));
    assert.throws(() => view.position("no-such-topic"), TypeError);
  });

  test("a view can go on from another's position", async (t) => {
    const log = topic("log", 3);
    const { bus } = await openFixture(t, harness, [log]);
    await bus.append(range(50, (i) => text(log.name, `k${i}`, String(i))));
    const first = await collect(bus, [log.name], "low");
    await first.view.caughtUp();
    const from = new Map([[log.name, first.view.position(log.name)]]);
    await first.view.stop();
    await bus.append(range(50, (i) => text(log.name, `k${i}`, String(50 + i))));
    const second = await collect(bus, [log.name], from);
    await second.view.caughtUp();
    assert.equal(first.seen.length, 50, "a stopped view folds nothing more");
    assert.deepEqual(new Set(second.seen.map(textOf)), new Set(range(50, (i) => String(50 + i))));
  });

  test("a view that gathers gets all of it, if later", async (t) => {
    const log = topic("log", 3);
    const { bus, until } = await openFixture(t, harness, [log]);
    const seen: string[] = [];
    const options = { topics: [log.name], from: "low", gatherMs: 50 } as const;
    const view = await bus.view(options, (record) => seen.push(textOf(record)));
    for (const i of range(20, (n) => n)) await bus.append([text(log.name, `k${i}`, String(i))]);
    await until("all is folded", () => seen.length === 20);
    await bus.append([text(log.name, "k", "20")]);
    assert.equal(await view.caughtUp(harness.patienceMs), true);
    assert.deepEqual(new Set(seen), new Set(range(21, String)));
  });

  test("what a fold throws ends the view", async (t) => {
    const log = topic("log", 1);
    const { bus } = await openFixture(t, harness, [log]);
    const seen: string[] = [];
    const view = await bus.view({ topics: [log.name], from: "low" }, (record) => {
      seen.push(textOf(record));
      if (textOf(record) === "2") throw new Error("cannot fold 2");
    });
    const failed = assert.rejects(view.failed, /cannot fold 2/);
    await bus.append(range(5, (i) => text(log.name, "k", String(i))));
    await failed;
    assert.deepEqual(seen, ["0", "1", "2"]);
  });

  test("compaction leaves the last record of each key, and gaps that views pass", async (t) => {
    const log = topic("compacted", 1, { cleanup: "compact" });
    const { bus, until } = await openFixture(t, harness, [log]);
    const offsets = await bus.append(range(300, (i) => text(log.name, `k${i % 3}`, String(i))));
    let records: BusRecord[] = [];
    await until(
      "superseded records are gone",
      async () => {
        // Kafka cleans nothing of the segment that is being written, so something must follow.
        await bus.append([text(log.name, "filler", "")]);
        records = await readAll(bus, log.name);
        return records.filter(({ key }) => key !== "filler").length < 300;
      },
      harness.cleaningMs,
    );
    for (const key of ["k0", "k1", "k2"]) {
      const last = records.findLast((record) => record.key === key);
      assert.equal(last && textOf(last), String(297 + Number(key.slice(1))));
      assert.equal(last?.offset, offsets[297 + Number(key.slice(1))], "an offset stays with its record");
    }
    await reachesTheEndFrom(bus, log.name, offsets[10] ?? -1);
  });

  test("a tombstone hides its key at once for who reads to the end, and vanishes with it later", async (t) => {
    const log = topic("compacted", 1, { cleanup: "compact" });
    const { bus } = await openFixture(t, harness, [log]);
    await bus.append([
      text(log.name, "a", "1"),
      text(log.name, "b", "1"),
      { topic: log.name, key: "a", value: null },
    ]);
    const state = new Map<string, string>();
    for (const record of await readAll(bus, log.name)) {
      if (record.value === null) state.delete(record.key);
      else state.set(record.key, textOf(record));
    }
    assert.deepEqual([...state], [["b", "1"]]);
  });

  test("retention moves the low mark; offsets go on", async (t) => {
    const log = topic("short", 1, { retentionMs: 100 });
    const { bus, until } = await openFixture(t, harness, [log]);
    const offsets = await bus.append(range(100, (i) => text(log.name, "k", String(i))));
    const low = async () => (await bus.ends(log.name)).get(0)?.low ?? 0;
    await until(
      "old records are gone",
      async () => {
        await bus.append([text(log.name, "k", "later")]);
        return (await low()) > (offsets[50] ?? 0);
      },
      harness.cleaningMs,
    );
    const [next = -1] = await bus.append([text(log.name, "k", "last")]);
    assert.ok(next > (offsets.at(-1) ?? -1));
    const seen = await reachesTheEndFrom(bus, log.name, 0);
    assert.ok(seen.every(({ offset }) => offset > (offsets[50] ?? 0)));
    assert.equal(await bus.mark(log.name, 0, (offsets[0] ?? 0) + 1), null, "nothing is stored before there");
  });
}

/** A view that keeps what it folds. */
async function collect(bus: Bus, topics: string[], from: ViewOptions["from"]) {
  const seen: BusRecord[] = [];
  const view = await bus.view({ topics, from }, (record) => seen.push(record));
  return { view, seen };
}

/** Reads from an offset that may be gone: the view comes to the end all the same. */
async function reachesTheEndFrom(bus: Bus, name: string, offset: number): Promise<BusRecord[]> {
  const { view, seen } = await collect(bus, [name], new Map([[name, new Map([[0, offset]])]]));
  const end = (await bus.ends(name)).get(0)?.end ?? -1;
  assert.equal(await view.caughtUp(), true);
  assert.ok((view.position(name).get(0) ?? -1) >= end);
  await view.stop();
  return seen;
}
