import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import type { BusHarness } from "../../contract-suite.ts";
import { openEmbeddedBus } from "../open.ts";

const LIMITS = {
  cleanEveryMs: 20,
  compactionLagMs: 0,
  commitEveryMs: 20,
  abandonedMs: 50,
  maxUnhandled: 100,
};

/** The contract suite's harness for the embedded adapter, in memory or on a file of each test's own. */
export function embeddedHarness(where: "memory" | "file"): BusHarness {
  return {
    patienceMs: 10_000,
    cleaningMs: 10_000,
    maxUnhandled: LIMITS.maxUnhandled,
    async open(topics) {
      const folder = where === "file" ? await mkdtemp(path.join(tmpdir(), "bus-")) : undefined;
      const file = folder ? path.join(folder, "bus.db") : ":memory:";
      const bus = openEmbeddedBus({ file, topics, clock: systemClock, random: systemRandom, limits: LIMITS });
      let clients = 0;
      return {
        connect: async () => bus.as(`client-${++clients}`),
        async close() {
          await bus.close();
          if (folder) await rm(folder, { recursive: true });
        },
      };
    },
  };
}
