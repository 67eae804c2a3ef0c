import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import type { Bus } from "@convergence/bus/port.ts";
import { encode } from "@convergence/contracts";
import {
  decideSubmit,
  endRun,
  evolve,
  noRuns,
  type Plan,
  type RunFact,
  type TenantRuns,
  UNLIMITED,
} from "@convergence/run";
import { plannedStep } from "@convergence/run/testing.ts";
import { Tenants } from "../admission/tenants.ts";
import { type RunModel, runModel } from "../model.ts";

const AT = 1_763_200_000_000;
const APPENDED_AT_ONCE = 5_000;

const specs = { catalogue: { find: () => undefined, faultsOf: () => [] }, project: "p" };

/** What a tenant lived through. */
export interface History {
  tenantId: string;
  runs: number;
  /** So many of them, the first, are not ended. */
  open: number;
}

export function modelOfTests(): RunModel {
  return runModel(new Tenants(() => {}), specs);
}

/**
 * Writes run.events as a writer that was killed left it: a claim in each partition that is written to, and no snapshot.
 * Every run has one step of 1 kB and an Idempotency-Key.
 */
export async function writeHistory(bus: Bus, histories: readonly History[]): Promise<void> {
  const model = modelOfTests();
  const epochs = new Map<number, number>();
  for (const { tenantId, runs, open } of histories) {
    const partition = bus.partitionOf("run.events", tenantId);
    const epoch = epochs.get(partition) ?? (await claim(bus, partition));
    epochs.set(partition, epoch);
    let version = 0;
    let batch: Uint8Array[] = [];
    const flush = async () => {
      await bus.append(batch.map((value) => ({ topic: "run.events", key: tenantId, value })));
      batch = [];
    };
    for (const facts of lives(tenantId, runs, open)) {
      for (const fact of facts) {
        version += 1;
        const meta = { tenant_id: tenantId, epoch, version, at: AT, cause: null };
        batch.push(model.encode(model.stamp(fact, meta)));
      }
      if (batch.length >= APPENDED_AT_ONCE) await flush();
    }
    await flush();
  }
}

async function claim(bus: Bus, partition: number): Promise<number> {
  const value = encode({ type: "Claimed", follows: -1, nonce: "n", writer: "w", at: AT });
  const [epoch = -1] = await bus.append([{ topic: "run.events", key: "claim", partition, value }]);
  return epoch;
}

/** The runs' events, run by run, as the real decisions make them. */
function* lives(tenantId: string, count: number, open: number): Generator<RunFact[]> {
  let state: TenantRuns = noRuns;
  const own = crc32(tenantId).toString(16).padStart(8, "0");
  for (let n = 0; n < count; n += 1) {
    const run_id = `${own}-0000-4000-8000-${String(n).padStart(12, "0")}`;
    const accepted = decideSubmit(
      state,
      {
        type: "SubmitRun",
        resume: null,
        tenant_version: 0,
        meta: { command_id: run_id, tenant_id: tenantId, at: AT + n, sent_by: "g" },
        run_id,
        provider: "gcp",
        domain: "cost",
        template: "t",
        parameters: "{}",
        trigger_by: "me",
        trigger_type: "api",
        idempotency: { key: `run|${run_id}`, body_hash: "h".repeat(64) },
      },
      AT + n,
      () => planOf(tenantId, run_id),
    );
    state = accepted.reduce(evolve, state);
    const run = state.runs.get(run_id);
    assert.ok(run !== undefined);
    const end = { now: AT + n, steps: "SKIPPED", status: "COMPLETE", error: null } as const;
    const ended = n < open ? [] : endRun(run, end);
    state = ended.reduce(evolve, state);
    yield [...accepted, ...ended];
  }
}

function planOf(tenantId: string, run_id: string): Plan {
  return {
    ok: true,
    refusedIfHeld: false,
    quota: UNLIMITED,
    run: {
      run_id,
      tenant_name: tenantId,
      pipeline_id: `${tenantId}-gcp-cost-t`,
      provider: "gcp",
      domain: "cost",
      template: "t",
      config_version: "c".repeat(64),
      trigger_type: "api",
      trigger_by: "me",
      parameters: "{}",
      run_date: null,
      timeout_ms: null,
      concurrency: null,
    },
    steps: [plannedStep("s", { spec: JSON.stringify({ sql: "x".repeat(1_000) }) })],
  };
}
