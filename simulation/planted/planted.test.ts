import assert from "node:assert/strict";
import { test } from "node:test";
import { simulateSeeds } from "../pool.ts";
import type { Outcome } from "../simulate.ts";
import { PLANTED } from "./faults.ts";

// Every invariant must be able to fail: the oracle sees each of these, within so many seeds.
for (const { name, what, within } of PLANTED) {
  test(`planted: ${what}`, async (t) => {
    let caught: Outcome | undefined;
    await simulateSeeds({
      from: 1,
      seeds: within,
      planted: name,
      told(outcome) {
        if (outcome.violations.length > 0) caught ??= outcome;
        return caught !== undefined;
      },
    });
    assert.ok(caught !== undefined, `${name} is not seen by ${within} seeds`);
    t.diagnostic(`${name}: seed ${caught.seed}: ${caught.violations[0]?.split("\n")[0]?.slice(0, 160)}`);
  });
}
