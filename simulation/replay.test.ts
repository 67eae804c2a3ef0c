import assert from "node:assert/strict";
import { test } from "node:test";
import { makePlan } from "./plan/make-plan.ts";
import { simulateSeeds } from "./pool.ts";
import { shrink } from "./shrink.ts";
import { type Outcome, simulate } from "./simulate.ts";

test("a seed replays exactly: in this thread, recorded or not, and in another", async () => {
  const hashes = new Map<number, string>();
  for (const seed of [3, 1, 2]) hashes.set(seed, (await simulate(makePlan(seed))).hash);
  assert.equal(new Set(hashes.values()).size, 3, "seeds differ from one another");
  const recorded = await Promise.all([1, 2].map(() => simulate(makePlan(2), { history: true })));
  assert.equal(recorded[0]?.hash, hashes.get(2));
  assert.deepEqual(recorded[0]?.history, recorded[1]?.history);
  assert.ok((recorded[0]?.history.length ?? 0) > 500);
  await simulateSeeds({
    from: 1,
    seeds: 3,
    told({ seed, hash }) {
      assert.equal(hash, hashes.get(seed), `seed ${seed} in another thread`);
      return false;
    },
  });
});

test("a failing plan is made smaller while it fails in the same way", async () => {
  const plan = makePlan(1);
  const [needed] = plan.faults;
  assert.ok(needed !== undefined);
  /** Fails where this fault and any revocation meet. */
  const judged = async (candidate: typeof plan): Promise<Outcome> => {
    const fails = candidate.faults.includes(needed) && candidate.commands.some(({ kind }) => kind === "run");
    return { ...holding, violations: fails ? [`run ${candidate.commands.length} is lost`] : [] };
  };
  const smaller = await shrink(plan, await judged(plan), judged);
  assert.deepEqual(smaller.plan.faults, [needed]);
  assert.deepEqual(
    smaller.plan.commands.map(({ kind }) => kind),
    ["run"],
  );
  assert.deepEqual(await shrink(plan, await judged(plan), judged), smaller);
});

const holding: Outcome = {
  seed: 1,
  violations: [],
  history: [],
  hash: "",
  stats: {
    tenants: 0,
    commands: 0,
    faults: 0,
    runs: 0,
    counted: 0,
    records: 0,
    events: 0,
    virtualMs: 0,
  },
};
