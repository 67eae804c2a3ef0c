import { openEmbeddedBus } from "@convergence/bus";
import { decode, topicSpecs } from "@convergence/contracts";
import { modelOfTests } from "@convergence/pipeline-service/testing/history.ts";
import { logger, systemClock, systemRandom } from "@convergence/runtime";
import { tenantModel } from "@convergence/tenant-service/model.ts";
import { type Input, type LoggedEvent, type Model, writeLog } from "@convergence/writer";

/** Of the embedded bus: cli/embedded.ts. */
export const PARTITIONS = 4;
/** What is recorded of a data folder. */
export const FILES = [
  "bus.sqlite",
  "gateway.sqlite",
  "gateway.sqlite-outbox",
  "keys.json",
  "format",
] as const;

/** recorded.json. */
export interface Recorded {
  tenant: string;
  key: string;
  revokedKey: string;
  /** As GET answered, when they were over. */
  runs: Record<string, unknown>[];
  customer: Record<string, unknown>;
  /** By id: one that was accepted, and one whose command is not decided yet. */
  openRun: string;
  undecidedRun: string;
  states: States;
}

/** Each tenant's state, as its snapshot would hold it. */
export interface States {
  runs: Record<string, unknown>;
  tenants: Record<string, unknown>;
}

/** Restores the states of both logs of a bus file, from snapshots and what came behind them, as their writers do. */
export async function statesOf(file: string): Promise<States> {
  const topics = topicSpecs(PARTITIONS);
  const bus = openEmbeddedBus({ file, topics, clock: systemClock, random: systemRandom });
  const log = logger({ level: "error", service: "states" });
  const deps = { bus, clock: systemClock, random: systemRandom, instance: "states", log };
  const every = { ...deps, snapshotMs: 3_600_000, claimMs: 3_600_000 };
  async function restore<S, E extends LoggedEvent, F extends { type: E["type"] }, I extends Input>(
    model: Model<S, E, F, I>,
  ): Promise<Record<string, unknown>> {
    const states: Record<string, unknown> = {};
    let gained = 0;
    const { promise: all, resolve } = Promise.withResolvers<void>();
    const acts = {
      gained(lane: { streams: ReadonlyMap<string, Parameters<typeof model.toSnapshot>[1]> }) {
        for (const [tenantId, stream] of lane.streams)
          states[tenantId] = plain(decode(model.toSnapshot(tenantId, stream)));
        gained += 1;
        if (gained === PARTITIONS) resolve();
      },
      folded() {},
      lost() {},
    };
    const writer = await writeLog(model, acts, every);
    await all;
    await writer.stop();
    return states;
  }
  const states = {
    runs: await restore(modelOfTests()),
    tenants: await restore(tenantModel(systemRandom, "ENTERPRISE")),
  };
  await bus.close();
  return states;
}

/** As JSON tells it. */
export function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}
