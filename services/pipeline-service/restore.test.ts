import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type EmbeddedBus, openEmbeddedBus } from "@convergence/bus";
import { encode, topicSpecs } from "@convergence/contracts";
import {
  decideSubmit,
  endRun,
  evolve,
  noRuns,
  type Plan,
  type RunFact,
  type TenantRuns,
} from "@convergence/run";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { writeLog } from "@convergence/writer";
import { Tenants } from "./admission/tenants.ts";
import type { RunLane } from "./deps.ts";
import { runModel } from "./model.ts";

const AT = 1_763_200_000_000;
const APPENDED_AT_ONCE = 5_000;

const specs = { catalogue: { find: () => undefined, faultsOf: () => [] }, project: "p" };

function openBus(t: TestContext): EmbeddedBus {
  const topics = topicSpecs(1);
  const bus = openEmbeddedBus({ file: ":memory:", topics, clock: systemClock, random: systemRandom });
  t.after(() => bus.close());
  return bus;
}

/** Runs of one step of 1 kB, each with an Idempotency-Key; of so many the first `open` are not ended. */
function* lives(count: number, open: number): Generator<RunFact[]> {
  let state: TenantRuns = noRuns;
  for (let n = 0; n < count; n += 1) {
    const run_id = `${String(n).padStart(8, "0")}-0000-4000-8000-000000000000`;
    const accepted = decideSubmit(
      state,
      {
        type: "SubmitRun",
        meta: { command_id: run_id, tenant_id: "acme", at: AT + n, sent_by: "g" },
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
      () => planOf(run_id),
    );
    state = accepted.reduce(evolve, state);
    const run = state.runs.get(run_id);
    assert.ok(run !== undefined);
    const ended =
      n < open
        ? []
        : endRun(run, {
            except: null,
            version: 1,
            now: AT + n,
            steps: "SKIPPED",
            status: "COMPLETE",
            error: null,
          });
    state = ended.reduce(evolve, state);
    yield [...accepted, ...ended];
  }
}

function planOf(run_id: string): Plan {
  return {
    ok: true,
    run: {
      run_id,
      tenant_name: "Acme",
      pipeline_id: "Acme-gcp-cost-t",
      provider: "gcp",
      domain: "cost",
      template: "t",
      config_version: "c".repeat(64),
      trigger_type: "api",
      trigger_by: "me",
      parameters: "{}",
      run_date: null,
    },
    steps: [
      {
        step_id: "s",
        step_type: "noop",
        on_failure: "stop",
        spec: JSON.stringify({ sql: "x".repeat(1_000) }),
      },
    ],
  };
}

/** Writes the log as a writer that was killed left it: under a claim, without a snapshot. */
async function writeHistory(bus: EmbeddedBus, count: number, open: number): Promise<void> {
  const model = runModel(new Tenants(), specs);
  const claim = encode({ type: "Claimed", follows: -1, nonce: "n", writer: "w", at: AT });
  const [epoch = -1] = await bus.append([{ topic: "run.events", key: "claim", value: claim }]);
  let version = 0;
  let batch: Uint8Array[] = [];
  const flush = async () => {
    await bus.append(batch.map((value) => ({ topic: "run.events", key: "acme", value })));
    batch = [];
  };
  for (const facts of lives(count, open)) {
    for (const fact of facts) {
      version += 1;
      const meta = { tenant_id: "acme", epoch, version, at: AT, cause: null };
      batch.push(model.encode(model.stamp(fact, meta)));
    }
    if (batch.length >= APPENDED_AT_ONCE) await flush();
  }
  await flush();
}

/** Starts a writer; resolves with what it holds once it owns the partition, and how long that took. */
async function restored(bus: EmbeddedBus, instance: string) {
  const begun = performance.now();
  const { promise: lane, resolve: gained } = Promise.withResolvers<RunLane>();
  const writer = await writeLog(
    runModel(new Tenants(), specs),
    { gained, folded() {}, lost() {} },
    {
      bus: bus.as(instance),
      clock: systemClock,
      random: systemRandom,
      instance,
      log: {
        debug() {},
        info() {},
        warn: (detail, message) => assert.fail(`${message} ${JSON.stringify(detail)}`),
        error() {},
      },
      snapshotMs: 3_600_000,
      claimMs: 3_600_000,
    },
  );
  const stream = (await lane).streams.get("acme");
  return { stream, writer, ms: Math.round(performance.now() - begun) };
}

test("10,000 open runs of one tenant are snapshotted and restored", async (t) => {
  const bus = openBus(t);
  await writeHistory(bus, 10_000, 10_000);
  const first = await restored(bus, "w1");
  assert.equal(first.stream?.state.runs.size, 10_000);
  await first.writer.stop();
  const records = [...(await bus.ends("run.snapshots")).values()][0]?.end ?? 0;
  assert.ok(records > 10, `${records} records hold what one could not`);
  const second = await restored(bus, "w2");
  await second.writer.stop();
  assert.deepEqual(second.stream?.state.runs.toJS(), first.stream?.state.runs.toJS());
  assert.equal(second.stream?.version, 10_000);
});

test("1,000 open and 100,000 finished runs are restored within 5 s", async (t) => {
  const bus = openBus(t);
  await writeHistory(bus, 101_000, 1_000);
  const fromLog = await restored(bus, "w1");
  await fromLog.writer.stop();
  const fromSnapshots = await restored(bus, "w2");
  await fromSnapshots.writer.stop();
  for (const { stream } of [fromLog, fromSnapshots]) {
    assert.equal(stream?.state.runs.size, 1_000);
    assert.equal(stream?.state.recentKeys.size, 101_000);
  }
  t.diagnostic(`from the log: ${fromLog.ms} ms; from snapshots: ${fromSnapshots.ms} ms`);
  assert.ok(fromSnapshots.ms < 5_000, `from snapshots: ${fromSnapshots.ms} ms`);
});
