import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunLane } from "../deps.ts";
import { type ReadyStep, ReadySteps } from "./ready.ts";

const lane = (partition: number): RunLane => ({
  partition,
  streams: new Map(),
  isLost: false,
  propose: async () => {},
  release() {},
  inputsRead: async () => {},
  snapshotNow: async () => {},
  guard: async () => {},
});

function ready(of: RunLane, tenantId: string, run_id: string): ReadyStep {
  const step = {
    run_id,
    tenant_name: tenantId,
    index: 0,
    step_id: "s",
    step_type: "noop",
    run_accepted_at: 0,
  };
  return { lane: of, tenantId, step, attempt: 1, try: 1, spec: "{}", trace: null, since: 0 };
}

const always = () => true;

test("tenants take turns, whatever one's backlog", () => {
  const steps = new ReadySteps();
  const of = lane(0);
  for (const run of ["a1", "a2", "a3"]) steps.add(ready(of, "a", run));
  steps.add(ready(of, "b", "b1"));
  const taken = [1, 2, 3, 4, 5].map(() => steps.take(always)?.step.run_id);
  assert.deepEqual(taken, ["a1", "b1", "a2", "a3", undefined]);
});

test("a tenant that comes anew is first, but once a round", () => {
  const steps = new ReadySteps();
  const of = lane(0);
  const next = () => steps.take(always)?.step.run_id;
  for (const tenant of ["a", "b"])
    for (const n of [1, 2, 3, 4]) steps.add(ready(of, tenant, `${tenant}${n}`));
  assert.deepEqual([next(), next(), next()], ["a1", "b1", "a2"]);
  steps.add(ready(of, "c", "c1"));
  assert.equal(next(), "c1");
  steps.add(ready(of, "c", "c2"));
  assert.deepEqual([next(), next(), next(), next()], ["b2", "a3", "c2", "b3"]);
});

test("a lane that was lost and gained again hands out its steps under the new ownership", () => {
  const steps = new ReadySteps();
  const [before, after] = [lane(0), lane(0)];
  steps.add(ready(before, "a", "a1"));
  steps.withdrawAll((step) => step.lane === before);
  assert.deepEqual([steps.size, steps.tenants], [0, 0]);
  steps.add(ready(after, "a", "a1"));
  assert.equal(steps.take(always)?.lane, after);
  assert.equal(steps.take(always), undefined);
});
