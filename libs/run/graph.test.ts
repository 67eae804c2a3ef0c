import assert from "node:assert/strict";
import { test } from "node:test";
import type { OnFailure } from "@convergence/contracts";
import {
  decideReported,
  decideSubmit,
  dueSteps,
  noRuns,
  type Run,
  restoreRuns,
  storeRuns,
  type TenantRuns,
} from "./index.ts";
import { after, failure, NOW, plan, reported, submit } from "./testing.ts";

/** A run whose steps depend on others: for each step, on which, and what its failure does. */
function graph(...steps: { on: number[]; fails?: OnFailure }[]): TenantRuns {
  const failures = steps.map(({ fails = "stop" }) => fails);
  const planned = plan("r1", failures)();
  if (!planned.ok) throw new Error("it is a plan");
  const wired = planned.steps.map((step, index) => ({ ...step, depends_on: steps[index]?.on ?? [] }));
  return after(
    noRuns,
    decideSubmit(noRuns, submit(), NOW, () => ({ ...planned, steps: wired })),
  );
}

const due = (state: TenantRuns) => dueSteps(runOf(state));
const statuses = (state: TenantRuns) => runOf(state).steps.map(({ status }) => status);
function runOf(state: TenantRuns): Run {
  const run = state.runs.get("r1");
  if (run === undefined) throw new Error("the run is over");
  return run;
}
const done = (state: TenantRuns, index: number) => after(state, decideReported(state, reported(index), NOW));
const broken = (state: TenantRuns, index: number) => after(state, decideReported(state, failure(index), NOW));

test("steps begin as soon as those they depend on are complete, whatever the order written", () => {
  // 0 and 3 are roots; 1 waits for 0, 2 for 1 and 3.
  let state = graph({ on: [] }, { on: [0] }, { on: [1, 3] }, { on: [] });
  assert.deepEqual(due(state), [0, 3]);
  state = done(state, 0);
  assert.deepEqual(due(state), [1, 3]);
  state = done(state, 1);
  assert.deepEqual(due(state), [3]);
  state = done(state, 3);
  assert.deepEqual(due(state), [2]);
  assert.equal(done(state, 2).runs.size, 0);
});

test("a step that stops its run leaves behind all whose turn had not come; what had begun is let finish", () => {
  let state = graph({ on: [] }, { on: [] }, { on: [0] }, { on: [1] });
  state = broken(state, 0);
  assert.deepEqual(statuses(state), ["FAILED", "PENDING", "SKIPPED", "SKIPPED"]);
  assert.deepEqual(due(state), [1]);
  const last = decideReported(state, reported(1), NOW).at(-1);
  assert.ok(last?.type === "RunFinished");
  assert.deepEqual([last.status, last.error_message], ["FAILED", 'Step "s0" failed: no such table']);
});

test("a failure that the run goes on after leaves behind those that depend on it, directly or not", () => {
  for (const fails of ["continue", "alert"] as const) {
    let state = graph({ on: [], fails }, { on: [0] }, { on: [1] }, { on: [] });
    state = broken(state, 0);
    assert.deepEqual(statuses(state), ["FAILED", "SKIPPED", "SKIPPED", "PENDING"]);
    const last = decideReported(state, reported(3), NOW).at(-1);
    assert.ok(last?.type === "RunFinished" && last.status === "COMPLETE");
  }
});

test("the first failure names the run's error, and survives a snapshot", () => {
  let state = graph({ on: [] }, { on: [] }, { on: [] });
  state = broken(state, 1);
  state = restoreRuns(structuredClone(storeRuns(state)));
  state = broken(state, 0);
  const last = decideReported(state, reported(2), NOW).at(-1);
  assert.ok(last?.type === "RunFinished" && last.error_message === 'Step "s1" failed: no such table');
});

test("tries come with growing pauses, spread by run and step, as often as the template says", () => {
  const retry = { attempts: 4, pause_ms: 1_000, factor: 2, max_pause_ms: 3_000 };
  const planned = plan("r1")();
  assert.ok(planned.ok);
  const steps = planned.steps.map((step) => ({ ...step, retry }));
  let state = after(
    noRuns,
    decideSubmit(noRuns, submit(), NOW, () => ({ ...planned, steps })),
  );
  const pauses: number[] = [];
  for (const attempt of [1, 2, 3]) {
    const facts = decideReported(state, reported(0, { attempt, ok: false, retryable: true }), NOW);
    const again = facts.find(({ type }) => type === "StepReissued");
    assert.ok(again?.type === "StepReissued" && again.try === attempt + 1);
    pauses.push(again.not_before - NOW);
    state = after(state, facts);
  }
  for (const [n, most] of [1_000, 2_000, 3_000].entries()) {
    assert.ok((pauses[n] ?? 0) >= most / 2 && (pauses[n] ?? 0) <= most, `pause ${n} is ${pauses[n]}`);
  }
  const end = decideReported(state, reported(0, { attempt: 4, ok: false, retryable: true }), NOW);
  assert.equal(end.at(-1)?.type, "RunFinished");
});
