import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { own } from "../contract/lane-recorder.ts";
import type { Lane, Owner } from "../port.ts";
import { INPUT, LOG, openVirtual, SNAPSHOTS } from "./testing/open.ts";
import type { VirtualClock } from "./testing/virtual-time.ts";

const TOPICS = [LOG, INPUT, SNAPSHOTS, { ...LOG, name: "tasks" }].map((spec) => ({ ...spec, partitions: 4 }));

test("nothing that is idle waits on the clock", async (t) => {
  const { bus, clock } = openVirtual(t, TOPICS);
  await own(bus, { group: "o", inputs: ["input"], log: "log", snapshots: "snapshots", specs: [] }, "a");
  await bus.work({ group: "w", topic: "tasks", member: "b", assigned() {} }, (_, done) => done());
  await bus.view({ topics: ["log"], from: "low" }, () => {});
  await bus.append([{ topic: "tasks", key: "k", value: null }]);
  await clock.advance(1_000);
  assert.deepEqual(clock.waiting(), []);
});

test("what is appended in one turn of the event loop shares a write", async (t) => {
  const deferred: (() => void)[] = [];
  const { bus } = openVirtual(t, TOPICS, { defer: (run) => deferred.push(run) });
  const answers = Promise.all(
    [0, 1, 2].map((i) => bus.append([{ topic: "log", key: `k${i}`, value: null }])),
  );
  await Promise.resolve();
  assert.equal(deferred.length, 1);
  deferred.pop()?.();
  await answers;
  const closed = bus.close();
  const turn = setInterval(() => deferred.pop()?.(), 1);
  await closed;
  clearInterval(turn);
});

test("the same seed gives the same history, whatever the members suffer", async (t) => {
  const first = await history(t, 42);
  assert.ok(first.length > 500, `${first.length} events`);
  assert.deepEqual(await history(t, 42), first);
  assert.notDeepEqual(await history(t, 43), first);
});

/** Runs owners, workers and views with faults, pauses and crashes under a seed; returns all that was seen. */
async function history(t: TestContext, seed: number): Promise<string[]> {
  const random = generator(seed);
  const seen: string[] = [];
  const faults = {
    beforeAppend: () =>
      (["ok", "ok", "ok", "fail", "fail-but-stored", "store-twice"] as const)[random(6)] ?? "ok",
    deliveryDelayMs: () => random(40),
    appendDelayMs: () => random(3),
    ackDelayMs: () => random(3),
  };
  const limits = {
    sessionTimeoutMs: 200,
    zombieMs: 50,
    maxUnhandled: 5,
    cleanEveryMs: 100,
    compactionLagMs: 50,
  };
  const { bus, clock } = openVirtual(t, TOPICS, { faults, limits });
  const start = async (member: string) => {
    const note = (what: string) => seen.push(`${clock.now()} ${member} ${what}`);
    const face = bus.as(member);
    await face.view({ topics: ["log", "snapshots"], from: "low" }, (r) =>
      note(`saw ${r.partition}/${r.offset}`),
    );
    await face.work(
      { group: "w", topic: "tasks", member, assigned: (p) => note(JSON.stringify(p)) },
      (r, done) => {
        note(`took ${r.partition}/${r.offset}`);
        clock.after(random(30), () => done(`n${r.offset}`));
      },
    );
    await face.own(
      { group: "o", inputs: ["input"], log: "log", snapshots: "snapshots", member },
      (partition) => {
        note(`gained ${partition}`);
        return lane(clock, note, random);
      },
    );
  };
  const names = ["a", "b", "c"];
  for (const name of names) await start(name);
  for (let step = 0; step < 100; step++) {
    const topic = ["input", "tasks", "input", "snapshots"][random(4)] ?? "input";
    bus.append([{ topic, key: `k${random(9)}`, value: Buffer.from(String(step)) }]).then(
      (offsets) => seen.push(`${clock.now()} appended ${offsets}`),
      (error) => seen.push(`${clock.now()} ${error}`),
    );
    const name = names[random(3)] ?? "a";
    const what = random(12);
    if (what === 0) bus.pauseMember(name);
    if (what === 1) for (const each of names) bus.resumeMember(each);
    if (what === 2) {
      bus.dropMember(name);
      void start(name);
    }
    await clock.advance(random(30));
  }
  for (const name of names) bus.resumeMember(name);
  await clock.advance(2_000);
  return seen;
}

function lane(clock: VirtualClock, note: (what: string) => void, random: (n: number) => number): Lane {
  let me: Owner | undefined;
  return {
    snapshot: (r) => note(`snapshot ${r.offset}`),
    foldFrom: () => "low",
    fold: (r) => note(`fold ${r.offset}`),
    caughtUp(owner: Owner) {
      me = owner;
      owner.guard().then(
        () => owner.takeInputs(),
        (error) => note(String(error)),
      );
    },
    input(r) {
      note(`input ${r.offset}`);
      clock.after(random(20), () => {
        me?.append([{ key: r.key, value: null }]).then(
          () => me?.done(r.topic, r.offset),
          (error) => {
            note(String(error));
            me?.done(r.topic, r.offset);
          },
        );
      });
    },
    lost: (why: string) => note(`lost: ${why}`),
  };
}

function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % n;
  };
}
