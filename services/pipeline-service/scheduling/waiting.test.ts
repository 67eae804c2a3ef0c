import assert from "node:assert/strict";
import { test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import { BusUnavailable } from "@convergence/bus/port.ts";
import { topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { metrics } from "@convergence/runtime/metrics.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { Scheduling } from "./acting.ts";

test("while the bus is away, a tenant that is not known yet goes on waiting", async (t) => {
  const bus = openEmbeddedBus({
    file: ":memory:",
    topics: topicSpecs(1),
    clock: systemClock,
    random: systemRandom,
  });
  t.after(() => bus.close());
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  let asked = 0;
  const away = {
    find: () => undefined,
    async caughtUp() {
      asked += 1;
      if (asked < 3) throw new BusUnavailable("away");
    },
  };
  const deps = {
    bus,
    clock: systemClock,
    random: systemRandom,
    instance: "p",
    log: silent,
    metrics: metrics(),
    catalogue: { find: () => undefined, faultsOf: () => [] },
    project: "p",
    leaseMs: 1_000,
    snapshotMs: 1_000,
  };
  const released = await new Promise((resolve) => {
    new Scheduling(deps, away).waiting(
      {
        partition: 0,
        streams: new Map(),
        isLost: false,
        propose: async () => {},
        release: (tenantId) => resolve([tenantId, asked]),
        guard: async () => {},
        inputsRead: async () => {},
        snapshotNow: async () => {},
      },
      "acme",
    );
  });
  assert.deepEqual(released, ["acme", 3]);
});
