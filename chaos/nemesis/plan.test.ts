import assert from "node:assert/strict";
import { test } from "node:test";
import { FAULT_KINDS, planFaults, SERVICES } from "./plan.ts";

const SEEDS = Array.from({ length: 200 }, (_, n) => String(n));

test("the same seed plans the same faults, another seed others", () => {
  assert.deepEqual(planFaults("7", 10), planFaults("7", 10));
  assert.notDeepEqual(planFaults("7", 10), planFaults("8", 10));
});

test("two minutes hold all seven kinds", () => {
  for (const seed of SEEDS) {
    const kinds = new Set(planFaults(seed, 2).map(({ kind }) => kind));
    assert.deepEqual([...kinds].sort(), [...FAULT_KINDS].sort(), `seed ${seed}`);
  }
});

test("ten minutes hold thirty faults at least, of all kinds, with every service killed", () => {
  for (const seed of SEEDS) {
    const plan = planFaults(seed, 10);
    assert.ok(plan.length >= 30, `seed ${seed}: ${plan.length}`);
    const killed = new Set(plan.flatMap((fault) => (fault.kind === "kill" ? [fault.service] : [])));
    assert.deepEqual([...killed].sort(), [...SERVICES].sort(), `seed ${seed}`);
    assert.deepEqual(
      plan.filter(({ kind }) => kind === "outage").map((fault) => "ms" in fault && fault.ms),
      [30_000, 30_000],
      `seed ${seed}`,
    );
  }
});

test("faults begin in order, within the load's time", () => {
  for (const seed of SEEDS) {
    const times = planFaults(seed, 10).map(({ at }) => at);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.ok((times.at(-1) ?? 0) < 10 * 60_000);
  }
});
