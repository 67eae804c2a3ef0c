import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type AppendFault, type EmbeddedBus, openEmbeddedBus } from "@convergence/bus";
import {
  type CancelOpenRuns,
  decodeAs,
  encode,
  type OpenRunsCancelled,
  RUN_EVENTS_TYPES,
  type Unstamped,
} from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { type Acts, type LogWriter, type Model, type OwnedLane, writeLog } from "./index.ts";

// A log whose state is the list of command ids that it decided, in order: lost, doubled and reordered ones show.
export type State = readonly string[];
export type Fact = Unstamped<OpenRunsCancelled>;
export type TestModel = Model<State, OpenRunsCancelled, Fact, CancelOpenRuns>;

const DEADLINE_MS = 10_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function model(decide: TestModel["decide"] = outcome): TestModel {
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
        schedules: [],
        backfills: [],
        recent_keys: state.map((key) => ({ key, body_hash: "", run_id: "", at: 0 })),
        month: 0,
        month_runs: 0,
      }),
    fromSnapshot(message) {
      assert.ok(message.type === "TenantRunsSnapshot");
      const inputs = Object.fromEntries(message.inputs.map(({ topic, offset }) => [topic, offset]));
      const state = message.recent_keys.map(({ key }) => key);
      const { tenant_id: tenantId, version, recent_commands: commands } = message;
      return { tenantId, stream: { state, version, inputs, commands } };
    },
  };
}

export function outcome(_state: State, command: CancelOpenRuns): Fact[] {
  return [{ type: "OpenRunsCancelled", command_id: command.meta.command_id }];
}

export interface Seen extends Acts<State, OpenRunsCancelled, Fact> {
  lanes: OwnedLane<State, Fact>[];
  events: OpenRunsCancelled[];
}

export function seen(more: Partial<Acts<State, OpenRunsCancelled, Fact>> = {}): Seen {
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
export function open(
  t: TestContext,
  beforeAppend?: (member: string, keys: string[]) => AppendFault,
): EmbeddedBus {
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
    faults: {
      beforeAppend: (records, member) => {
        return (
          beforeAppend?.(
            member,
            records.map(({ key }) => key),
          ) ?? "ok"
        );
      },
    },
  });
  t.after(() => bus.close());
  return bus;
}

export function start(
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
/** Sends so many commands and returns their ids, each with `padding` behind it. */
export async function send(
  bus: EmbeddedBus,
  count: number,
  tenantId = "acme",
  padding = "",
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => {
    sent += 1;
    return `c${sent}${padding}`;
  });
  await sendIds(bus, ids, tenantId);
  return ids;
}

/** Sends a command for each id. */
export async function sendIds(bus: EmbeddedBus, ids: string[], tenantId = "acme"): Promise<void> {
  await bus.append(
    ids.map((command_id) => ({
      topic: "run.commands",
      key: tenantId,
      value: encode({
        type: "CancelOpenRuns",
        meta: { command_id, tenant_id: tenantId, at: 0, sent_by: "test" },
        reason: "",
      }),
    })),
  );
}

/** What a reader of the whole log counts: by tenant, the commands in the order of their outcomes; and the claims. */
export async function counted(
  bus: EmbeddedBus,
): Promise<{ outcomes: Record<string, string[]>; claims: number; stale: number }> {
  const reader = new LogReader();
  const outcomes: Record<string, string[]> = {};
  let claims = 0;
  let stale = 0;
  const view = await bus.view({ topics: ["run.events"], from: "low" }, ({ offset, value }) => {
    const event = decodeAs(value, RUN_EVENTS_TYPES);
    const verdict = reader.read(offset, event);
    if (event.type === "Claimed") {
      if (verdict === "counted") claims += 1;
      return;
    }
    const { tenant_id: tenantId } = event.meta;
    if (verdict === "counted" && event.type === "OpenRunsCancelled") {
      outcomes[tenantId] = [...(outcomes[tenantId] ?? []), event.command_id];
    } else if (verdict !== "duplicate") stale += 1;
  });
  await view.caughtUp();
  await view.stop();
  return { outcomes, claims, stale };
}

export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

export const allCounted = (bus: EmbeddedBus, ids: string[], tenantId = "acme") =>
  until(
    "all outcomes count",
    async () => ((await counted(bus)).outcomes[tenantId] ?? []).length >= ids.length,
  );
