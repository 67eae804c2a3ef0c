import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { EmbeddedBus } from "@convergence/bus";
import { allCounted, counted, model, open, seen, send, start, until } from "./test-kit.ts";

/** 300 commands of this length make a snapshot of 3.6 MB: five records. */
const LONG = "x".repeat(10_000);

/** The keys under which something is stored in run.snapshots. */
async function storedKeys(t: TestContext, bus: EmbeddedBus): Promise<Set<string>> {
  const keys = new Set<string>();
  const view = await bus.view({ topics: ["run.snapshots"], from: "low" }, ({ key, value }) => {
    if (value === null) keys.delete(key);
    else keys.add(key);
  });
  t.after(() => view.stop());
  return keys;
}

test("a snapshot larger than a record is stored in parts, restored, and removed once it is replaced", async (t) => {
  const bus = open(t);
  const keys = await storedKeys(t, bus);
  const ids: string[] = [];
  for (const instance of ["w1", "w2", "w3"]) {
    const acts = seen();
    const writer = await start(bus, instance, acts);
    await until("it owns the partition", () => acts.lanes.length === 1);
    assert.deepEqual(acts.lanes[0]?.streams.get("acme")?.state ?? [], ids, instance);
    ids.push(...(await send(bus, 150, "acme", LONG)));
    await allCounted(bus, ids);
    await writer.stop();
    await until("one snapshot and one checkpoint are left", () => {
      const versions = new Set([...keys].map((key) => key.slice(0, key.lastIndexOf("/"))));
      return versions.size === 2 && keys.size > 2;
    });
  }
  assert.equal(ids.length, 450);
});

test("a snapshot of which parts are missing is nothing: the one before it and the log hold", async (t) => {
  let refuse = false;
  const bus = open(t, (_member, names) =>
    refuse && names.some((name) => name.endsWith("/2")) ? "fail" : "ok",
  );
  const keys = await storedKeys(t, bus);
  const first = await start(bus, "w1", seen());
  const ids = await send(bus, 300, "acme", LONG);
  await allCounted(bus, ids);
  await first.stop();
  const whole = new Set(keys);
  const second = await start(bus, "w2", seen());
  ids.push(...(await send(bus, 50, "acme", LONG)));
  await allCounted(bus, ids);
  refuse = true;
  await second.stop();
  await until("two parts are stored", () => keys.size === whole.size + 2);
  assert.ok([...whole].every((key) => keys.has(key)));
  refuse = false;
  const acts = seen();
  const third = await start(bus, "w3", acts);
  await until("it owns the partition", () => acts.lanes.length === 1);
  assert.deepEqual(acts.lanes[0]?.streams.get("acme")?.state, ids);
  ids.push(...(await send(bus, 1, "acme", LONG)));
  await allCounted(bus, ids);
  await third.stop();
  assert.deepEqual((await counted(bus)).outcomes.acme, ids);
  await until("what was half written is gone", () => {
    const sets = new Set([...keys].map((key) => key.slice(0, key.lastIndexOf("/"))));
    return sets.size === 2;
  });
});

test("a snapshot that grows beyond a record and shrinks again leaves nothing behind, and loses nothing", async (t) => {
  const bus = open(t);
  const keys = await storedKeys(t, bus);
  // A short command makes the state forget what came before.
  const forgetful = {
    ...model(),
    evolve: (state: readonly string[], { command_id }: { command_id: string }) =>
      command_id.length < 100 ? [command_id] : [...state, command_id],
  };
  const acts = seen();
  const writer = await start(bus, "w1", acts, { model: forgetful, snapshotMs: 1 });
  const inParts = () => [...keys].some((key) => key.includes("@") && key.includes("/"));
  for (let round = 0; round < 3; round += 1) {
    await send(bus, 300, "acme", LONG);
    await until("it is stored in parts", () => inParts());
    // As many as a tenant's stream remembers: their ids are in its snapshot, too.
    await send(bus, 1_100);
    await until("it is one record", () => !inParts() && keys.size === 2);
  }
  const last = await send(bus, 1);
  await until("it is folded", () => acts.lanes[0]?.streams.get("acme")?.state[0] === last[0]);
  await writer.stop();
  const again = seen();
  const second = await start(bus, "w2", again, { model: forgetful });
  await until("it owns the partition", () => again.lanes.length === 1);
  assert.deepEqual(again.lanes[0]?.streams.get("acme")?.state, last);
  await second.stop();
});

test("a tenant named checkpoint is a tenant like any other", async (t) => {
  const bus = open(t);
  const keys = await storedKeys(t, bus);
  const ids: string[] = [];
  for (const instance of ["w1", "w2"]) {
    const writer = await start(bus, instance, seen());
    ids.push(...(await send(bus, 2, "checkpoint")));
    await allCounted(bus, ids, "checkpoint");
    await writer.stop();
    await until("its snapshot and the lane's checkpoint are stored", () => keys.size === 2);
  }
  const acts = seen();
  const writer = await start(bus, "w3", acts);
  await until("it owns the partition", () => acts.lanes.length === 1);
  assert.deepEqual(acts.lanes[0]?.streams.get("checkpoint")?.state, ids);
  await writer.stop();
});

test("an owner without any event has its claim in a checkpoint soon: it outlives the claim's record in the log", async (t) => {
  const bus = open(t);
  const keys = await storedKeys(t, bus);
  const writer = await start(bus, "w1", seen(), { snapshotMs: 1 });
  await until("a checkpoint is stored", () => keys.size === 1);
  await writer.stop();
});
