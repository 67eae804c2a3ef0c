import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type EmbeddedBus, openEmbeddedBus } from "@convergence/bus";
import { topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { writeLog } from "@convergence/writer";
import type { RunLane } from "./deps.ts";
import { modelOfTests, writeHistory } from "./testing/history.ts";

function openBus(t: TestContext): EmbeddedBus {
  const topics = topicSpecs(1);
  const bus = openEmbeddedBus({ file: ":memory:", topics, clock: systemClock, random: systemRandom });
  t.after(() => bus.close());
  return bus;
}

/** Starts a writer; resolves with what it holds once it owns the partition, and how long that took. */
async function restored(bus: EmbeddedBus, instance: string) {
  const begun = performance.now();
  const { promise: lane, resolve: gained } = Promise.withResolvers<RunLane>();
  const writer = await writeLog(
    modelOfTests(),
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
  await writeHistory(bus, [{ tenantId: "acme", runs: 10_000, open: 10_000 }]);
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
  await writeHistory(bus, [{ tenantId: "acme", runs: 101_000, open: 1_000 }]);
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
