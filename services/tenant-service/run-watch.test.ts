import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import { type Bus, BusUnavailable } from "@convergence/bus/port.ts";
import { encode, topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { RunWatch } from "./run-watch.ts";

const HEAD = {
  tenant_name: "Acme",
  pipeline_id: "p",
  provider: "gcp",
  domain: "example",
  template: "dryrun",
  config_version: "c",
  trigger_type: "onboarding",
  trigger_by: "onboarding",
  parameters: "{}",
  run_date: null,
  timeout_ms: null,
  concurrency: null,
  slot: null,
  backfill: null,
  accepted_at: 0,
  trace: null,
} as const;

/** A log in which these runs ended, or were refused, below a checkpoint of pipeline-service. */
async function logOf(t: TestContext, ended: string[], refused: number): Promise<Bus> {
  const topics = topicSpecs(1);
  const bus = openEmbeddedBus({ file: ":memory:", topics, clock: systemClock, random: systemRandom });
  t.after(() => bus.close());
  const append = (topic: string, key: string, values: Uint8Array[]) =>
    bus.append(values.map((value) => ({ topic, key, value })));
  const meta = { tenant_id: "acme", epoch: 0, at: 0, cause: null };
  const last = await append("run.events", "acme", [
    encode({ type: "Claimed", follows: -1, nonce: "n", writer: "w", at: 0 }),
    ...ended.map((run_id, n) =>
      encode({
        type: "RunFinished",
        meta: { ...meta, version: n + 1 },
        run: { ...HEAD, run_id },
        run_version: 2,
        status: "COMPLETE",
        error_message: null,
        finished_at: 1,
      }),
    ),
    ...Array.from({ length: refused }, (_, n) =>
      encode({
        type: "RunRejected",
        slot: null,
        backfill: null,
        meta: { ...meta, version: ended.length + n + 1 },
        command_id: `c${n}`,
        run_id: `refused-${n}`,
        status: 404,
        reason: "template-not-found",
        detail: "x",
        problems: [],
      }),
    ),
  ]);
  const offset = (last.at(-1) ?? 0) + 1;
  await append("run.snapshots", "checkpoint/0", [encode({ type: "Checkpoint", offset, claim: 0, epoch: 0 })]);
  return bus;
}

test("waits that are older than the checkpoint read the log from its start: once, and again where that failed", async (t) => {
  const bus = await logOf(t, ["r1", "r2"], 0);
  const views: string[] = [];
  let away = false;
  const counted: Bus = {
    ...methodsOf(bus),
    view(options, fold) {
      if (away) return Promise.reject(new BusUnavailable("away"));
      views.push(options.topics.join());
      return bus.view(options, fold);
    },
  };
  const runs = new RunWatch(counted, systemClock);
  await runs.start();
  away = true;
  const refusals = await Promise.allSettled([runs.finished("r1", 0, 0), runs.finished("r2", 0, 0)]);
  assert.deepEqual(
    refusals.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  away = false;
  views.length = 0;
  const outcomes = await Promise.all([runs.finished("r1", 0, 0), runs.finished("r2", 0, 0)]);
  assert.deepEqual(outcomes, [
    { ok: true, error: null },
    { ok: true, error: null },
  ]);
  assert.deepEqual(views, ["run.events"]);
  await runs.stop();
});

test("a command to end runs that was sent before this watch began is found, however often it is asked for", async (t) => {
  const bus = await logOf(t, ["r1"], 0);
  const cancelled = encode({
    type: "OpenRunsCancelled",
    meta: { tenant_id: "acme", epoch: 0, version: 2, at: 0, cause: null },
    command_id: "clear",
  });
  const [offset = 0] = await bus.append([{ topic: "run.events", key: "acme", value: cancelled }]);
  const checkpoint = encode({ type: "Checkpoint", offset: offset + 1, claim: 0, epoch: 0 });
  await bus.append([{ topic: "run.snapshots", key: "checkpoint/0", value: checkpoint }]);
  const runs = new RunWatch(bus, systemClock);
  await runs.start();
  await runs.cancelled("clear", 0);
  await runs.cancelled("clear", 0);
  await runs.stop();
});

test("runs that are refused, however many, push out no outcome that is asked for late", async (t) => {
  const bus = await logOf(t, ["r1", "r2"], 10_001);
  const runs = new RunWatch(bus, systemClock);
  await runs.start();
  await runs.finished("r1", 0, 0);
  // Its outcome came before the refusals, which follow in the same log.
  const view = await bus.view({ topics: ["run.events"], from: "low" }, () => {});
  await view.caughtUp();
  await view.stop();
  assert.deepEqual(await runs.finished("r2", 0, 0), { ok: true, error: null });
  await runs.stop();
});

function methodsOf(bus: Bus): Bus {
  return {
    append: (records) => bus.append(records),
    partitionOf: (topic, key) => bus.partitionOf(topic, key),
    partitions: (topic) => bus.partitions(topic),
    ends: (topic) => bus.ends(topic),
    mark: (topic, partition, at) => bus.mark(topic, partition, at),
    own: (options, gained) => bus.own(options, gained),
    view: (options, fold) => bus.view(options, fold),
    work: (options, take) => bus.work(options, take),
    dead: (record, error) => bus.dead(record, error),
    close: () => bus.close(),
  };
}
