import assert from "node:assert/strict";
import { test } from "node:test";
import { medians } from "./medians.ts";
import { simulateSeeds } from "./pool.ts";
import type { Outcome } from "./simulate.ts";

const SEEDS = 500;

test(`${SEEDS} seeds hold, and are hard enough`, async (t) => {
  const outcomes: Outcome[] = [];
  await simulateSeeds({
    from: 1,
    seeds: SEEDS,
    told(outcome) {
      outcomes.push(outcome);
      return false;
    },
  });
  assert.equal(outcomes.length, SEEDS);
  const failed = outcomes
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations }) => `npm run simulate -- --seed ${seed} --history: ${violations[0]}`);
  assert.deepEqual(failed, []);
  const middle = medians(outcomes);
  t.diagnostic(`medians: ${JSON.stringify(middle)}`);
  assert.ok(middle.tenants >= 5, `${middle.tenants} tenants`);
  assert.ok(middle.commands >= 100, `${middle.commands} commands`);
  assert.ok(middle.faults >= 20, `${middle.faults} faults`);
});
