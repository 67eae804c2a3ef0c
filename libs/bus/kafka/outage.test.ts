import assert from "node:assert/strict";
import { after, test } from "node:test";
import { text, textOf, topic, unique } from "../contract/harness.ts";
import { own, ownership } from "../contract/lane-recorder.ts";
import { type Bus, BusUnavailable } from "../port.ts";
import { KafkaBusError } from "./index.ts";
import { startBroker } from "./testing/broker.ts";
import { LIMITS, openOn, until } from "./testing/harness.ts";

const REACH_MS = 1_000;
const limits = { ...LIMITS, reachWithinMs: REACH_MS };

const broker = await startBroker();
after(() => broker.dispose());

/** The error that `ask` rejects with, and after how many milliseconds. */
async function refusal(ask: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const begun = performance.now();
  const error = await ask.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - begun };
}

async function refusesAsUnavailable(bus: Bus, name: string): Promise<void> {
  const answers = await Promise.all([
    refusal(bus.append([text(name, "k", "lost or late")])),
    refusal(bus.ends(name)),
    refusal(bus.mark(name, 0, 1)),
    refusal(bus.view({ topics: [name], from: "low" }, () => {})),
  ]);
  for (const { error, ms } of answers) {
    assert.ok(error instanceof BusUnavailable, String(error));
    assert.ok(ms < REACH_MS + 1_000, `refused after ${ms} ms`);
  }
}

test("while the broker is away all is refused in time, and goes on when it is back", async (t) => {
  const topics = ownership(2);
  const [commands = ""] = topics.inputs;
  const tasks = topic("tasks", 1);
  const bus = await openOn(broker.address, [...topics.specs, tasks], { limits });
  t.after(() => bus.close());
  const member = await own(bus, topics, "a");
  await until("it owns both", () => !!member.ready(0) && !!member.ready(1));
  const lanes = [member.ready(0), member.ready(1)];
  const seen: string[] = [];
  const view = await bus.view({ topics: [topics.log], from: "low" }, (record) => seen.push(textOf(record)));
  const taken: string[] = [];
  const work = { group: unique("workers"), topic: tasks.name, member: "a" };
  const running = await bus.work({ ...work, assigned() {} }, (record, done) => {
    taken.push(textOf(record));
    done(`after ${textOf(record)}`);
  });
  await bus.append([
    text(topics.log, "k", "e0", 0),
    text(commands, "k", "c0", 0),
    text(tasks.name, "k", "t0"),
  ]);
  await until("all is read", () => seen.length === 1 && lanes[0]?.inputs.length === 1 && taken.length === 1);

  await broker.stop();
  await refusesAsUnavailable(bus, topics.log);
  assert.ok((await refusal(view.caughtUp())).error instanceof BusUnavailable);
  const guard = await refusal(lanes[0]?.owner?.guard() ?? Promise.resolve());
  assert.ok(guard.error instanceof BusUnavailable, "nothing is proved, and nothing lost");
  await broker.start();

  await until("appends are stored again", async () => {
    const { error } = await refusal(bus.append([text(topics.log, "k", "e1", 0)]));
    return error === undefined;
  });
  await until("the view reads on", () => seen.includes("e1"));
  await until("the lane folds on", () => !!member.ready(0)?.calls.includes("fold e1"));
  await until("the guard holds again", async () => {
    const { error } = await refusal(
      member.ready(0)?.owner.guard() ?? Promise.reject(new BusUnavailable("not yet")),
    );
    return error === undefined;
  });
  await bus.append([text(commands, "k", "c1", 0), text(tasks.name, "k", "t1")]);
  await until("its inputs flow", () => !!member.ready(0)?.inputs.map(textOf).includes("c1"));
  await until("work is taken", () => taken.includes("t1"));
  await running.stop();
  const notes: (string | null)[] = [];
  const next = await bus.work(
    { ...work, assigned: (held) => notes.push(...held.map(({ note }) => note)) },
    () => {},
  );
  await until("the next member is given the partition", () => notes.length === 1);
  assert.deepEqual(notes, ["after t1"]);
  await next.stop();
  await view.stop();
  await member.running.stop();
});

test("a note survives the broker's restart", async (t) => {
  const tasks = topic("tasks", 1);
  const work = { group: unique("workers"), topic: tasks.name, member: "a" };
  const first = await openOn(broker.address, [tasks], { limits });
  let handled = false;
  const running = await first.work({ ...work, assigned() {} }, (_, done) => {
    done("a note");
    handled = true;
  });
  await first.append([text(tasks.name, "k", "t0")]);
  await until("it is handled", () => handled);
  await running.stop();
  await first.close();
  await broker.stop();
  await broker.start();
  const bus = await openOn(broker.address, [tasks]);
  t.after(() => bus.close());
  const notes: (string | null)[] = [];
  const taken: string[] = [];
  await bus.work({ ...work, assigned: (held) => notes.push(...held.map(({ note }) => note)) }, (record) =>
    taken.push(textOf(record)),
  );
  await until("the partition is given", () => notes.length === 1);
  assert.deepEqual(notes, ["a note"]);
  await bus.append([text(tasks.name, "k", "t1")]);
  await until("the next is taken", () => taken.length > 0);
  assert.deepEqual(taken, ["t1"]);
});

test("a bus opens while the broker is away, and works once it is there", async (t) => {
  const log = topic("log", 1);
  await broker.stop();
  const begun = performance.now();
  const bus = await openOn(broker.address, [log], { limits });
  t.after(() => bus.close());
  assert.ok(performance.now() - begun < REACH_MS + 1_000);
  await refusesAsUnavailable(bus, log.name);
  assert.equal(bus.partitions(log.name), 1, "what it was told it knows");
  await broker.start();
  await until("it can append", async () => {
    const { error } = await refusal(bus.append([text(log.name, "k", "v")]));
    return error === undefined;
  });
});

test("a broker that hangs is waited for as one that is away; a bus closes all the same", async (t) => {
  const topics = ownership(1);
  const bus = await openOn(broker.address, topics.specs, { limits });
  const other = await openOn(broker.address, topics.specs, { limits });
  // It appends for the first time while the broker hangs.
  const cold = await openOn(broker.address, topics.specs, { limits });
  t.after(() => Promise.all([bus.close(), cold.close()]));
  await bus.append([text(topics.log, "k", "e0")]);
  const member = await own(bus, topics, "a");
  const leaving = await own(other, topics, "b");
  await until("one owns it", () => !!member.ready(0) || !!leaving.ready(0));
  await broker.pause();
  t.after(() => broker.resume());
  await Promise.all([bus, cold].map((one) => refusesAsUnavailable(one, topics.log)));
  const begun = performance.now();
  await other.close();
  assert.ok(performance.now() - begun < 6_000, "closing does not wait for the broker for ever");
  await broker.resume();
  for (const one of [bus, cold]) {
    await until("appends are stored again", async () => {
      const { error } = await refusal(one.append([text(topics.log, "k", "e1")]));
      return error === undefined;
    });
  }
  await until("the one that stays owns it and folds on", () => !!member.ready(0)?.calls.includes("fold e1"));
});

test("what is found wrong once the broker is there fails the bus", async (t) => {
  const log = topic("log", 1);
  await (await openOn(broker.address, [log])).close();
  await broker.stop();
  const bus = await openOn(broker.address, [{ ...log, partitions: 2 }], { limits });
  t.after(() => bus.close());
  const failed = assert.rejects(bus.failed, KafkaBusError);
  const member = await bus.work(
    { group: unique("g"), topic: log.name, member: "a", assigned() {} },
    () => {},
  );
  const ended = assert.rejects(member.failed, KafkaBusError);
  await broker.start();
  await failed;
  await ended;
  await assert.rejects(bus.append([text(log.name, "k", "v", 0)]), KafkaBusError);
});
