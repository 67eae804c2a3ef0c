import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type AppendFault, type EmbeddedBus, openEmbeddedBus } from "@convergence/bus";
import {
  type CancelOpenRuns,
  decodeAs,
  encode,
  type OpenRunsCancelled,
  RUN_EVENTS_TYPES,
  RUN_SNAPSHOTS_TYPES,
  type Unstamped,
} from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { type Acts, type LogWriter, type Model, type OwnedLane, writeLog } from "./index.ts";

// A log whose state is the list of command ids that it decided, in order: lost, doubled and reordered ones show.
type State = readonly string[];
type Fact = Unstamped<OpenRunsCancelled>;
type TestModel = Model<State, OpenRunsCancelled, Fact, CancelOpenRuns>;

const DEADLINE_MS = 10_000;
const silent = { info() {}, warn() {}, error() {} };

function model(decide: TestModel["decide"] = outcome): TestModel {
  return {
    group: "writers",
    inputs: ["run.commands"],
    log: "run.events",
    snapshots: "run.snapshots",
    initial: [],
    readEvent: (bytes) => decodeAs(bytes, ["Claimed", "OpenRunsCancelled"]),
    readInput: (record) => decodeAs(record.value, ["CancelOpenRuns"]),
    tenantOf: (command) => command.meta.tenant_id,
    commandOf: (command) => command.meta.command_id,
    outcomeOf: (event) => event.command_id,
    decide,
    evolve: (state, event) => [...state, event.command_id],
    stamp: (fact, meta) => ({ ...fact, meta }),
    encode,
    toSnapshot: (tenant_id, { state, version, inputs, commands }) =>
      encode({
        type: "TenantRunsSnapshot",
        tenant_id,
        version,
        inputs: Object.entries(inputs).map(([topic, offset]) => ({ topic, offset })),
        recent_commands: [...commands],
        runs: [],
        recent_keys: state.map((key) => ({ key, body_hash: "", run_id: "", at: 0 })),
      }),
    fromSnapshot(bytes) {
      const message = decodeAs(bytes, RUN_SNAPSHOTS_TYPES);
      if (message.type === "Checkpoint") return message;
      const inputs = Object.fromEntries(message.inputs.map(({ topic, offset }) => [topic, offset]));
      const state = message.recent_keys.map(({ key }) => key);
      const { tenant_id: tenantId, version, recent_commands: commands } = message;
      return { tenantId, stream: { state, version, inputs, commands } };
    },
  };
}

function outcome(_state: State, command: CancelOpenRuns): Fact[] {
  return [{ type: "OpenRunsCancelled", command_id: command.meta.command_id, run_ids: [] }];
}

interface Seen extends Acts<State, OpenRunsCancelled, Fact> {
  lanes: OwnedLane<State, Fact>[];
  events: OpenRunsCancelled[];
}

function seen(more: Partial<Acts<State, OpenRunsCancelled, Fact>> = {}): Seen {
  const lanes: OwnedLane<State, Fact>[] = [];
  const events: OpenRunsCancelled[] = [];
  return {
    lanes,
    events,
    gained: (lane) => void lanes.push(lane),
    folded: (_lane, event) => void events.push(event),
    lost() {},
    ...more,
  };
}

/** A bus in memory with one partition, its members taken for gone after 300 ms. */
function open(t: TestContext, beforeAppend?: (member: string) => AppendFault): EmbeddedBus {
  const topic = (name: string, cleanup: "delete" | "compact") => ({
    name,
    partitions: 1,
    cleanup,
    retentionMs: null,
  });
  const bus = openEmbeddedBus({
    file: ":memory:",
    topics: [
      topic("run.commands", "delete"),
      topic("run.commands.dlq", "delete"),
      topic("run.events", "delete"),
      topic("run.snapshots", "compact"),
    ],
    clock: systemClock,
    random: systemRandom,
    limits: { sessionTimeoutMs: 300, zombieMs: 50 },
    faults: { beforeAppend: (_records, member) => beforeAppend?.(member) ?? "ok" },
  });
  t.after(() => bus.close());
  return bus;
}

function start(
  bus: EmbeddedBus,
  instance: string,
  acts: Acts<State, OpenRunsCancelled, Fact>,
  changes: { model?: TestModel; snapshotMs?: number; claimMs?: number; clock?: Clock } = {},
): Promise<LogWriter> {
  return writeLog(changes.model ?? model(), acts, {
    bus: bus.as(instance),
    clock: changes.clock ?? systemClock,
    random: systemRandom,
    instance,
    log: silent,
    snapshotMs: changes.snapshotMs ?? 60_000,
    claimMs: changes.claimMs ?? 86_400_000,
  });
}

let sent = 0;
/** Sends so many commands and returns their ids. */
async function send(bus: EmbeddedBus, count: number, tenantId = "acme"): Promise<string[]> {
  const ids = Array.from({ length: count }, () => {
    sent += 1;
    return `c${sent}`;
  });
  await bus.append(
    ids.map((command_id) => ({
      topic: "run.commands",
      key: tenantId,
      value: encode({
        type: "CancelOpenRuns",
        meta: { command_id, tenant_id: tenantId, at: 0, sent_by: "test", traceparent: null },
        reason: "",
      }),
    })),
  );
  return ids;
}

/** What a reader of the whole log counts: by tenant, the commands in the order of their outcomes; and the claims. */
async function counted(
  bus: EmbeddedBus,
): Promise<{ outcomes: Record<string, string[]>; claims: number; stale: number }> {
  const reader = new LogReader();
  const outcomes: Record<string, string[]> = {};
  let claims = 0;
  let stale = 0;
  const view = await bus.view({ topics: ["run.events"], from: "low" }, ({ offset, value }) => {
    const event = decodeAs(value, RUN_EVENTS_TYPES);
    if (event.type === "Claimed") {
      if (reader.read(offset, { kind: "claim", follows: event.follows }) === "counted") claims += 1;
      return;
    }
    const { tenant_id: tenantId, epoch, version } = event.meta;
    const verdict = reader.read(offset, { kind: "event", tenantId, epoch, version });
    if (verdict === "counted" && event.type === "OpenRunsCancelled") {
      outcomes[tenantId] = [...(outcomes[tenantId] ?? []), event.command_id];
    } else if (verdict !== "duplicate") stale += 1;
  });
  await view.caughtUp();
  await view.stop();
  return { outcomes, claims, stale };
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

const allCounted = (bus: EmbeddedBus, ids: string[], tenantId = "acme") =>
  until(
    "all outcomes count",
    async () => ((await counted(bus)).outcomes[tenantId] ?? []).length >= ids.length,
  );

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
  sent -= 1;
  const repeated = await send(bus, 1);
  assert.deepEqual(repeated, before.slice(-1));
  const second = await start(bus, "w2", seen());
  const after = await send(bus, 1);
  await allCounted(bus, [...before, ...after]);
  assert.deepEqual((await counted(bus)).outcomes.acme, [...before, ...after]);
  await second.stop();
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
  assert.deepEqual([...keys].map((key) => key.split("@")[0]).sort(), ["acme", "checkpoint"]);
  await view.stop();
});

test("a proposal sees all that was decided before it and resolves when read back", async (t) => {
  const bus = open(t);
  const acts = seen();
  const writer = await start(bus, "w1", acts);
  await until("it owns the partition", () => acts.lanes.length === 1);
  const [lane] = acts.lanes;
  assert.ok(lane !== undefined);
  const note = (command_id: string): Fact[] => [{ type: "OpenRunsCancelled", command_id, run_ids: [] }];
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
