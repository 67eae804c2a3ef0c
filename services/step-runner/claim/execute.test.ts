import assert from "node:assert/strict";
import { test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import type { StepTask } from "@convergence/contracts";
import { decodeAs, encode, topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { metrics } from "@convergence/runtime/metrics.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { memoryWarehouse } from "@convergence/warehouse";
import { NO_KEYS, NO_SECRETS } from "../testing/no-secrets.ts";
import { until } from "../testing/runs.ts";
import { Claiming } from "./claiming.ts";

const task = (spec: string): StepTask => ({
  type: "StepTask",
  step: { run_id: "r", tenant_name: "Acme", index: 0, step_id: "s", step_type: "t", run_accepted_at: 0 },
  tenant_id: "acme",
  attempt: 1,
  try: 1,
  lease_ms: 30_000,
  spec,
  issued_at: 0,
  issued_by: "p",
});

test("a task that no executor fits is reported as failed, with what to do, and the runner goes on", async (t) => {
  const topics = topicSpecs(1);
  const bus = openEmbeddedBus({ file: ":memory:", topics, clock: systemClock, random: systemRandom });
  t.after(() => bus.close());
  const claiming = new Claiming(
    {
      keys: NO_KEYS,
      bus,
      warehouse: memoryWarehouse({ clock: systemClock }),
      clock: systemClock,
      instance: "one",
      log: { debug() {}, info() {}, warn() {}, error() {} },
      metrics: metrics(),
      slots: 1,
      inbox: null,
      flushMs: 1,
    },
    NO_SECRETS,
  );
  await claiming.start();
  const reports: (string | null)[] = [];
  await bus.view({ topics: ["step.results"], from: "low" }, ({ value }) => {
    const result = decodeAs(value, ["StepClaimed", "StepReported"]);
    if (result.type === "StepReported") reports.push(result.ok ? "ok" : result.error_message);
  });
  const specs = ["{", '{"type":"teleport"}', `{"type":"${"x".repeat(500_000)}"}`, '{"type":"noop"}'];
  await bus.append(specs.map((spec) => ({ topic: "step.tasks", key: "r/0", value: encode(task(spec)) })));
  await until("all are reported", () => reports.length === specs.length);
  assert.equal(reports.filter((text) => text === "ok").length, 1);
  assert.ok(reports.some((text) => /internal error: SyntaxError/.test(text ?? "")));
  assert.ok(reports.some((text) => /no step type "teleport": upgrade it/.test(text ?? "")));
  assert.ok(reports.every((text) => (text ?? "").length <= 8_000));
  await claiming.stop(1_000);
});
