import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunAccepted } from "@convergence/contracts";
import {
  decideCancelOpenRuns,
  decideCancelRun,
  decideRelease,
  decideSubmit,
  isHeld,
  MAX_WAITING,
  monthRuns,
  nextMonth,
  noRuns,
  placesTaken,
  type Quota,
  type RunFact,
  restoreRuns,
  storeRuns,
  type TenantRuns,
} from "./index.ts";
import { after, NOW, plan, submit, types } from "./testing.ts";

const MONTH_END = nextMonth(NOW);

function ask(
  state: TenantRuns,
  runId: string,
  quota: Quota,
  more: { at?: number; trigger?: RunAccepted["run"]["trigger_type"]; key?: string } = {},
): RunFact[] {
  const planned = plan(runId)();
  assert.ok(planned.ok);
  const concurrency = more.key === undefined ? null : { key: more.key, limit: 1 };
  const run = { ...planned.run, trigger_type: more.trigger ?? "api", concurrency };
  return decideSubmit(state, submit({ run_id: runId }), more.at ?? NOW, () => ({ ...planned, run, quota }));
}

const outcome = ([first]: RunFact[]) =>
  first?.type === "RunAccepted"
    ? first.waits
      ? "waits"
      : "begins"
    : first?.type === "RunRejected"
      ? `${first.status} ${first.reason}`
      : first?.type;

const cancel = (state: TenantRuns, runId: string) => {
  const meta = { command_id: `cancel-${runId}`, tenant_id: "acme", at: NOW, sent_by: "g" };
  return after(state, decideCancelRun(state, { type: "CancelRun", meta, run_id: runId, reason: "no" }, NOW));
};

test("the month's last run is accepted, the next one refused until the month is over", () => {
  const quota = { monthly: 3, concurrent: null };
  let state = noRuns;
  for (const id of ["a", "b", "c"]) {
    const facts = ask(state, id, quota);
    assert.equal(outcome(facts), "begins");
    state = after(state, facts);
  }
  assert.equal(outcome(ask(state, "d", quota)), "429 monthly-quota");
  assert.equal(outcome(ask(state, "d", quota, { at: MONTH_END - 1 })), "429 monthly-quota");
  assert.equal(outcome(ask(state, "d", quota, { at: MONTH_END })), "begins");
  assert.equal(outcome(ask(state, "d", { monthly: 4, concurrent: null })), "begins");
  assert.equal(outcome(ask(state, "d", { monthly: null, concurrent: null })), "begins");
});

test("runs that ended count on, retries count, refused ones and an onboarding's validation do not", () => {
  const quota = { monthly: 2, concurrent: null };
  let state = after(noRuns, ask(noRuns, "v", { monthly: 0, concurrent: null }, { trigger: "onboarding" }));
  assert.equal(monthRuns(state, NOW), 0);
  state = cancel(after(state, ask(state, "a", quota)), "a");
  state = after(state, ask(state, "b", quota, { trigger: "retry" }));
  const refused = ask(state, "c", quota, { trigger: "scheduler" });
  assert.equal(outcome(refused), "429 monthly-quota");
  assert.equal(monthRuns(after(state, refused), NOW), 2);
});

test("a new owner whose clock is behind does not open the old month again", () => {
  const quota = { monthly: 1, concurrent: null };
  const state = after(noRuns, ask(noRuns, "a", quota, { at: MONTH_END }));
  assert.equal(outcome(ask(state, "b", quota, { at: MONTH_END - 1 })), "429 monthly-quota");
});

test("over the concurrent quota runs wait in order, and get their places as others end", () => {
  const quota = { monthly: null, concurrent: 2 };
  let state = noRuns;
  for (const [id, expected] of [
    ["a", "begins"],
    ["b", "begins"],
    ["c", "waits"],
    ["d", "waits"],
  ] as const) {
    const facts = ask(state, id, quota);
    assert.equal(outcome(facts), expected, id);
    state = after(state, facts);
  }
  assert.deepEqual(decideRelease(state, quota), []);
  state = cancel(state, "b");
  assert.deepEqual(decideRelease(state, quota), [{ type: "RunReleased", run_id: "c" }]);
  // Whoever asks before the place is given does not overtake.
  assert.equal(outcome(ask(state, "e", quota)), "waits");
  state = after(state, decideRelease(state, quota));
  assert.deepEqual(decideRelease(state, quota), [], "a place is given once");
  assert.equal(placesTaken(state), 2);
  const held = [...state.runs.values()].filter((run) => isHeld(state, run)).map(({ head }) => head.run_id);
  assert.deepEqual(held, ["d"]);
});

test("a lower quota takes no place away, a higher one gives more at once", () => {
  const three = { monthly: null, concurrent: 3 };
  let state = ["a", "b", "c", "d", "e"].reduce((now, id) => after(now, ask(now, id, three)), noRuns);
  const one = { monthly: null, concurrent: 1 };
  state = cancel(cancel(state, "a"), "b");
  assert.deepEqual(decideRelease(state, one), [], "c goes on, and is one");
  assert.deepEqual(types(decideRelease(state, { monthly: null, concurrent: null })), [
    "RunReleased",
    "RunReleased",
  ]);
});

test("a run that its concurrency key holds back takes no place", () => {
  const quota = { monthly: null, concurrent: 2 };
  let state = noRuns;
  state = after(state, ask(state, "a", quota, { key: "k" }));
  state = after(state, ask(state, "b", quota, { key: "k" }));
  state = after(state, ask(state, "c", quota));
  assert.deepEqual(decideRelease(state, quota), [{ type: "RunReleased", run_id: "c" }]);
  state = after(state, decideRelease(state, quota));
  state = cancel(state, "a");
  assert.deepEqual(decideRelease(state, quota), [{ type: "RunReleased", run_id: "b" }]);
});

test("the queue has a cap, and a run that is cancelled while it waits leaves it", () => {
  const quota = { monthly: null, concurrent: 1 };
  let state = noRuns;
  for (let n = 0; n <= MAX_WAITING; n += 1) state = after(state, ask(state, `r${n}`, quota));
  assert.equal(state.waiting.size, MAX_WAITING);
  assert.equal(outcome(ask(state, "more", quota)), "429 queue-full");
  assert.equal(outcome(ask(state, "v", quota, { trigger: "onboarding" })), "begins");
  state = cancel(state, "r5");
  assert.equal(outcome(ask(state, "more", quota)), "waits");
  const meta = { command_id: "all", tenant_id: "acme", at: NOW, sent_by: "g" };
  state = after(state, decideCancelOpenRuns(state, { type: "CancelOpenRuns", meta, reason: "x" }, NOW));
  assert.deepEqual([state.waiting.size, placesTaken(state)], [0, 0]);
});

test("a snapshot keeps who waits, and the month's count", () => {
  const quota = { monthly: 9, concurrent: 1 };
  const state = ["a", "b", "c"].reduce((now, id) => after(now, ask(now, id, quota)), noRuns);
  const restored = restoreRuns(storeRuns(state));
  assert.deepEqual([...restored.waiting], ["b", "c"]);
  assert.deepEqual([restored.month, restored.monthRuns], [state.month, 3]);
});
