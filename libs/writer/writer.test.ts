import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppendFault } from "@convergence/bus";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import {
  allCounted,
  counted,
  type Fact,
  model,
  open,
  outcome,
  seen,
  send,
  sendIds,
  start,
  until,
} from "./test-kit.ts";

test("each command gets one outcome, in order, and is acted on once it was read back", async (t) => {
  const bus = open(t);
  const acts = seen();
  const writer = await start(bus, "w1", acts);
  const ids = await send(bus, 1_200);
  await until("all are folded", () => acts.events.length === ids.length);
  assert.deepEqual((await counted(bus)).outcomes, { acme: ids });
  assert.deepEqual(acts.lanes[0]?.streams.get("acme")?.state, ids);
  await writer.stop();
});

test("a restart restores from the snapshot and the log's tail, and decides nothing twice", async (t) => {
  const bus = open(t);
  const first = await start(bus, "w1", seen());
  const before = await send(bus, 5);
  await allCounted(bus, before);
  await first.stop();
  const acts = seen();
  const second = await start(bus, "w2", acts);
  const after = await send(bus, 3);
  await until("the new ones are folded", () => acts.events.length === after.length);
  assert.deepEqual(acts.lanes[0]?.streams.get("acme"), {
    state: [...before, ...after],
    version: 8,
    inputs: { "run.commands": 7 },
    commands: [...before, ...after],
  });
  assert.deepEqual((await counted(bus)).outcomes.acme, [...before, ...after]);
  await second.stop();
});

test("a killed writer's successor folds what no snapshot holds", async (t) => {
  const bus = open(t);
  await start(bus, "w1", seen());
  const before = await send(bus, 5);
  await allCounted(bus, before);
  bus.dropMember("w1");
  const acts = seen();
  const second = await start(bus, "w2", acts);
  const after = await send(bus, 1);
  await allCounted(bus, [...before, ...after]);
  assert.deepEqual(acts.lanes[0]?.streams.get("acme")?.state, [...before, ...after]);
  await second.stop();
});

test("a paused writer that comes back is not counted, and every command still has one outcome", async (t) => {
  const bus = open(t);
  const one = seen();
  await start(bus, "w1", one);
  const first = await send(bus, 2);
  await allCounted(bus, first);
  const two = seen();
  const second = await start(bus, "w2", two);
  bus.pauseMember("w1");
  const meanwhile = await send(bus, 50);
  await allCounted(bus, [...first, ...meanwhile]);
  bus.resumeMember("w1");
  const last = await send(bus, 50);
  const all = [...first, ...meanwhile, ...last];
  await allCounted(bus, all);
  assert.deepEqual((await counted(bus)).outcomes.acme, all);
  await second.stop();
});

test("an append whose outcome is unknown, or that is stored twice, counts once", async (t) => {
  const faults: AppendFault[] = [];
  const bus = open(t, (member) => (member === "w1" ? (faults.shift() ?? "ok") : "ok"));
  const acts = seen();
  const writer = await start(bus, "w1", acts);
  await until("it owns the partition", () => acts.lanes.length === 1);
  for (const fault of ["fail", "fail-but-stored", "store-twice"] as const) {
    faults.push(fault);
    const before = acts.events.length;
    await send(bus, 3);
    await until("they are folded", () => acts.events.length === before + 3);
    assert.equal(faults.length, 0, `${fault} was met`);
  }
  const { outcomes } = await counted(bus);
  assert.equal(outcomes.acme?.length, 9);
  assert.equal(new Set(outcomes.acme).size, 9);
  await writer.stop();
});

test("a command that is stored twice has one outcome, whoever decides the copy", async (t) => {
  const bus = open(t, (member) => (member === "" ? "store-twice" : "ok"));
  const first = await start(bus, "w1", seen());
  const before = await send(bus, 3);
  await allCounted(bus, before);
  await first.stop();
  // The last command is stored a third time: its outcome is in the snapshot alone.
  await sendIds(bus, before.slice(-1));
  const second = await start(bus, "w2", seen());
  const after = await send(bus, 1);
  await allCounted(bus, [...before, ...after]);
  assert.deepEqual((await counted(bus)).outcomes.acme, [...before, ...after]);
  await second.stop();
});

test("a command's copy has no second outcome, with hundreds of others in between", async (t) => {
  const bus = open(t);
  const writer = await start(bus, "w1", seen());
  const first = await send(bus, 1);
  const between = await send(bus, 500);
  await sendIds(bus, first);
  const last = await send(bus, 1);
  await allCounted(bus, [...first, ...between, ...last]);
  assert.deepEqual((await counted(bus)).outcomes.acme, [...first, ...between, ...last]);
  await writer.stop();
});

test("a tenant that must wait holds back its own commands, in order, and nobody else's", async (t) => {
  const bus = open(t);
  const waiting: string[] = [];
  const acts = seen({ waiting: (_lane, tenantId) => void waiting.push(tenantId) });
  const patient = model((state, command, turn) =>
    turn.tenantId === "late" && state.length === 0 && !turn.waited ? "wait" : outcome(state, command),
  );
  const writer = await start(bus, "w1", acts, { model: patient });
  const held = await send(bus, 3, "late");
  const others = await send(bus, 2);
  await allCounted(bus, others);
  assert.deepEqual(waiting, ["late"]);
  assert.equal((await counted(bus)).outcomes.late, undefined);
  acts.lanes[0]?.release("late");
  await allCounted(bus, held, "late");
  assert.deepEqual((await counted(bus)).outcomes.late, held);
  await writer.stop();
});

test("an input that cannot be read or decided goes to the dead letters, and the partition goes on", async (t) => {
  const bus = open(t);
  const acts = seen();
  const poison: string[] = [];
  const dead = await bus.view(
    { topics: ["run.commands.dlq"], from: "low" },
    ({ headers }) => void poison.push(JSON.stringify(headers)),
  );
  const breaking = model((state, command) => {
    if (state.length === 1) throw new Error("a decision that breaks");
    return outcome(state, command);
  });
  const writer = await start(bus, "w1", acts, { model: breaking });
  await bus.append([{ topic: "run.commands", key: "acme", value: Buffer.from("no record of ours") }]);
  await send(bus, 2);
  const others = await send(bus, 1, "other");
  await allCounted(bus, others, "other");
  await until("both are among the dead letters", () => poison.length === 2);
  assert.match(poison.join(), /not an Avro single-object record/);
  assert.match(poison.join(), /a decision that breaks/);
  await dead.stop();
  await writer.stop();
});

test("what no record can hold goes to the dead letters, and the partition goes on", async (t) => {
  const bus = open(t);
  const poison: string[] = [];
  const dead = await bus.view(
    { topics: ["run.commands.dlq"], from: "low" },
    ({ headers }) => void poison.push(JSON.stringify(headers)),
  );
  const growing = model((state, command, turn) =>
    turn.tenantId === "large"
      ? [{ type: "OpenRunsCancelled", command_id: "x".repeat(1_000_000) }]
      : outcome(state, command),
  );
  const acts = seen();
  const writer = await start(bus, "w1", acts, { model: growing });
  await send(bus, 1, "large");
  const ids = await send(bus, 2);
  await allCounted(bus, ids);
  await until("it is among the dead letters", () => poison.length === 1);
  assert.match(poison.join(), /OpenRunsCancelled of \d+ bytes, more than 999000/);
  const proposed = acts.lanes[0]?.propose("acme", () => {
    throw new Error("a proposal that breaks");
  });
  await assert.rejects(proposed ?? Promise.resolve(), /a proposal that breaks/);
  await dead.stop();
  await writer.stop();
});

test("claims are repeated, and events go on under the new one", async (t) => {
  const bus = open(t);
  const writer = await start(bus, "w1", seen(), { claimMs: 20 });
  const ids = [...(await send(bus, 1)), ...(await send(bus, 1)), ...(await send(bus, 1))];
  await until("the claim was repeated", async () => {
    await send(bus, 1);
    return (await counted(bus)).claims > 2;
  });
  assert.deepEqual((await counted(bus)).outcomes.acme?.slice(0, 3), ids);
  await writer.stop();
});

/** Pauses take no time. */
const impatient: Clock = {
  now: () => systemClock.now(),
  after(_ms, run) {
    const pause = setImmediate(run);
    return { clear: () => clearImmediate(pause) };
  },
};

test("a claim whose outcome is unknown, or that is stored twice, is not repeated once it counts", async (t) => {
  for (const fault of ["fail-but-stored", "store-twice"] as const) {
    let first = true;
    const bus = open(t, (member) => {
      if (member !== "w1" || !first) return "ok";
      first = false;
      return fault;
    });
    const writer = await start(bus, "w1", seen(), { clock: impatient });
    const ids: string[] = [];
    while (ids.length < 20) {
      ids.push(...(await send(bus, 1)));
      await allCounted(bus, ids);
    }
    const { outcomes, claims } = await counted(bus);
    assert.deepEqual(outcomes.acme, ids, fault);
    assert.equal(claims, 1, fault);
    await writer.stop();
  }
});

test("snapshots are written in time, and old ownerships' are removed", async (t) => {
  const bus = open(t);
  const keys = new Set<string>();
  const view = await bus.view({ topics: ["run.snapshots"], from: "low" }, ({ key, value }) => {
    if (value === null) keys.delete(key);
    else keys.add(key);
  });
  for (const instance of ["w1", "w2"]) {
    const writer = await start(bus, instance, seen(), { snapshotMs: 1 });
    await send(bus, 1);
    await until("one snapshot and one checkpoint are stored", () => keys.size === 2);
    await writer.stop();
  }
  await until("the first ownership's are gone", () => keys.size === 2);
  assert.deepEqual([...keys].map((key) => key.split(/[@/]/)[0]).sort(), ["acme", "checkpoint"]);
  await view.stop();
});

test("a proposal sees all that was decided before it and resolves when read back", async (t) => {
  const bus = open(t);
  const acts = seen();
  const writer = await start(bus, "w1", acts);
  await until("it owns the partition", () => acts.lanes.length === 1);
  const [lane] = acts.lanes;
  assert.ok(lane !== undefined);
  const note = (command_id: string): Fact[] => [{ type: "OpenRunsCancelled", command_id }];
  const proposals = [1, 2, 3].map((n) =>
    lane.propose("acme", (state) => note(`p${n} after ${state.length}`)),
  );
  await Promise.all(proposals);
  assert.deepEqual(lane.streams.get("acme")?.state, ["p1 after 0", "p2 after 1", "p3 after 2"]);
  await writer.stop();
});

test("inputs count as read only once they were decided", async (t) => {
  const bus = open(t);
  const acts = seen();
  const writer = await start(bus, "w1", acts);
  await until("it owns the partition", () => acts.lanes.length === 1);
  const ids = await send(bus, 700);
  await acts.lanes[0]?.inputsRead("run.commands");
  await acts.lanes[0]?.propose("acme", (state) => {
    assert.deepEqual(state, ids);
    return [];
  });
  await writer.stop();
});
