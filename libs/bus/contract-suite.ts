import { describe } from "node:test";
import { appendContract } from "./contract/append.ts";
import type { BusHarness } from "./contract/harness.ts";
import { measuresContract } from "./contract/measures.ts";
import { ownGroupContract } from "./contract/own-group.ts";
import { laneContract } from "./contract/own-lane.ts";
import { viewContract } from "./contract/view.ts";
import { workContract } from "./contract/work.ts";

export type { BusHarness, BusUnderTest } from "./contract/harness.ts";

/**
 * The contract that every adapter of the bus port passes. It asserts only what Kafka promises too: offsets may have
 * gaps, compaction and retention come late, a rebalance takes time, what was not committed may come again.
 */
export function describeBusContract(name: string, harness: BusHarness): void {
  describe(`bus contract: ${name}`, () => {
    describe("append", () => appendContract(harness));
    describe("view", () => viewContract(harness));
    describe("work", () => workContract(harness));
    describe("lane", () => laneContract(harness));
    describe("measures", () => measuresContract(harness));
    describe("owners", () => ownGroupContract(harness));
  });
}
