import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import type { TopicSpec } from "../../port.ts";
import type { EmbeddedBus } from "../open.ts";
import { openEmbeddedBus } from "../open.ts";
import type { EmbeddedBusOptions } from "../options.ts";
import { VirtualClock } from "./virtual-time.ts";

export const LOG: TopicSpec = { name: "log", partitions: 1, cleanup: "delete", retentionMs: null };
export const INPUT: TopicSpec = { ...LOG, name: "input" };
export const SNAPSHOTS: TopicSpec = { ...LOG, name: "snapshots", cleanup: "compact" };

/** The path of a bus file in a folder of this test's own. */
export function busFile(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "bus-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return path.join(folder, "bus.db");
}

/** Opens a bus on the machine's clock. The test closes it. */
export function openOn(
  file: string,
  topics: TopicSpec[] = [LOG],
  more: Partial<EmbeddedBusOptions> = {},
): EmbeddedBus {
  return openEmbeddedBus({ file, topics, clock: systemClock, random: systemRandom, ...more });
}

/** Opens a bus in memory on a virtual clock: all that happens, happens in promises or on that clock. */
export function openVirtual(
  t: TestContext,
  topics: TopicSpec[],
  more: Partial<EmbeddedBusOptions> = {},
): { bus: EmbeddedBus; clock: VirtualClock } {
  const clock = new VirtualClock();
  const options = { file: ":memory:", topics, clock, random: systemRandom, defer: queueMicrotask, ...more };
  const bus = openEmbeddedBus(options);
  t.after(() => bus.close());
  return { bus, clock };
}
