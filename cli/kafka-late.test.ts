import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { cluster } from "./testing/cluster.ts";
import { call, eventually } from "./testing/http.ts";
import { freePort } from "./testing/process.ts";

/** Longer than the bus looks for its brokers before it rejects what is asked of it (5 s). */
const WITHOUT_MS = 7_000;

test("services that are started long before Kafka wait for it, alive and not ready", async (t) => {
  const port = await freePort();
  const platform = await cluster(`127.0.0.1:${port}`);
  t.after(() => platform.close());
  const names = ["tenant-service", "pipeline-service", "step-runner", "gateway"] as const;
  const services = await Promise.all(names.map((name) => platform.start(name)));
  const answers = (path: string) => async () =>
    Promise.all(services.map(({ operatorUrl }) => call(`${operatorUrl}${path}`).catch(() => null)));
  const alive = (all: ({ status: number } | null)[]) => all.every((answer) => answer?.status === 200);
  await eventually(answers("/health/live"), alive, 60_000);
  const begun = performance.now();
  await eventually(
    () => Promise.resolve(performance.now() - begun),
    (ms) => ms > WITHOUT_MS,
    2 * WITHOUT_MS,
  );
  for (const { name, child } of services) assert.equal(child.exitCode, null, `${name} ended`);
  for (const answer of await answers("/health/ready")()) assert.equal(answer?.status, 503);
  const broker = await startBroker({ port });
  t.after(() => broker.dispose());
  await Promise.all(services.map((service) => service.ready()));
});
