import assert from "node:assert/strict";
import { test } from "node:test";
import { decideCancelRun, decideSubmit, isHeld, noRuns, type TenantRuns, underWay } from "./index.ts";
import { after, NOW, plan, submit } from "./testing.ts";

function accept(state: TenantRuns, runId: string, key: string, limit: number, refusedIfHeld = false) {
  const planned = plan(runId)();
  assert.ok(planned.ok);
  const run = { ...planned.run, concurrency: { key, limit } };
  return decideSubmit(state, submit({ run_id: runId }), NOW, () => ({ ...planned, run, refusedIfHeld }));
}

const held = (state: TenantRuns) =>
  [...state.runs.values()].filter((run) => isHeld(state, run)).map(({ head }) => head.run_id);

test("runs of a key beyond its limit wait in order of acceptance, and nobody else's", () => {
  let state = noRuns;
  for (const [id, key] of [
    ["r1", "a"],
    ["r2", "a"],
    ["r3", "b"],
    ["r4", "a"],
    ["r5", "a"],
  ] as const) {
    state = after(state, accept(state, id, key, 2));
  }
  assert.deepEqual(held(state), ["r4", "r5"]);
  const cancel = { command_id: "c9", tenant_id: "acme", at: NOW, sent_by: "g" };
  state = after(
    state,
    decideCancelRun(state, { type: "CancelRun", meta: cancel, run_id: "r1", reason: "" }, NOW),
  );
  assert.deepEqual(held(state), ["r5"]);
  assert.deepEqual(
    underWay(state, { key: "a", limit: 2 }).map(({ head }) => head.run_id),
    ["r2", "r4"],
  );
});

test("with skip a run beyond the limit is refused", () => {
  const state = after(noRuns, accept(noRuns, "r1", "a", 1, true));
  const [refused] = accept(state, "r2", "a", 1, true);
  assert.ok(
    refused?.type === "RunRejected" && refused.status === 409 && refused.reason === "concurrency-limit",
  );
  assert.equal(accept(state, "r2", "b", 1, true)[0]?.type, "RunAccepted");
});
