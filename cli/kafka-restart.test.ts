import assert from "node:assert/strict";
import { test } from "node:test";
import { openKafkaBus } from "@convergence/bus/kafka/index.ts";
import { startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { topicSpecs } from "@convergence/contracts";
import { writeHistory } from "@convergence/pipeline-service/testing/history.ts";
import { logger, systemClock } from "@convergence/runtime";
import { cluster, type ServiceProcess } from "./testing/cluster.ts";
import { eventually } from "./testing/http.ts";

const TENANTS = 10;
/** Of each tenant. */
const RUNS = { finished: 10_000, open: 100 };

test("over Kafka, pipeline-service with 100,000 finished and 1,000 open runs is back within 5 s", async (t) => {
  const broker = await startBroker();
  t.after(() => broker.dispose());
  const bus = await openKafkaBus({
    brokers: [broker.address],
    clientId: "history",
    topics: topicSpecs(12),
    clock: systemClock,
    log: logger({ level: "silent", service: "test" }),
    limits: { reachWithinMs: 60_000 },
  });
  t.after(() => bus.close());
  const writing = performance.now();
  await writeHistory(
    bus,
    Array.from({ length: TENANTS }, (_, n) => ({
      tenantId: `tenant_${n}`,
      runs: RUNS.finished + RUNS.open,
      open: RUNS.open,
    })),
  );
  t.diagnostic(`the log was written in ${since(writing)} ms`);

  const platform = await cluster(broker.address);
  t.after(() => platform.close());
  const fromLog = performance.now();
  const first = await platform.start("pipeline-service");
  await allOpenRunsReady(first, 60_000);
  t.diagnostic(`restored from the log alone: ${since(fromLog)} ms`);
  assert.equal(await first.end("SIGTERM"), 0);

  const restart = performance.now();
  const second = await platform.start("pipeline-service");
  await allOpenRunsReady(second, 60_000);
  const ms = since(restart);
  t.diagnostic(`restarted: ${ms} ms`);
  assert.equal(await second.end("SIGTERM"), 0);
  assert.ok(ms < 5_000, `restarted: ${ms} ms`);
});

/** Resolves once the steps of all open runs wait for a runner: there is none. */
async function allOpenRunsReady({ operatorUrl }: ServiceProcess, ms: number): Promise<void> {
  const ready = async () => {
    const answer = await fetch(`${operatorUrl}/metrics`).catch(() => null);
    const text = (await answer?.text()) ?? "";
    return Number(/^convergence_steps_ready\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  await eventually(ready, (steps) => steps === TENANTS * RUNS.open, ms);
}

function since(begun: number): number {
  return Math.round(performance.now() - begun);
}
