import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decideCancelOpenRuns,
  decideClaimed,
  decideLeaseExpired,
  decideReported,
  decideSubmit,
  dueSteps,
  evolve,
  noRuns,
  restoreRuns,
  storeRuns,
  type TenantRuns,
} from "./index.ts";
import {
  accepted,
  after,
  claimed,
  failure,
  given,
  HOUR,
  NOW,
  plan,
  reported,
  submit,
  types,
} from "./testing.ts";

test("given nothing, a submitted run is accepted and its first step is due", () => {
  const state = accepted(["stop", "stop"]);
  const run = state.runs.get("r1");
  assert.equal(run?.status, "PENDING");
  assert.deepEqual(run && dueSteps(run), [0]);
});

const ASKED = { slot: null, backfill: null };

test("given a refusal by the plan, the run is rejected and nothing is remembered", () => {
  const refusal = { status: 404, reason: "template-not-found", detail: "none", problems: [] };
  const facts = decideSubmit(noRuns, submit(), NOW, () => ({ ok: false, refusal }));
  assert.deepEqual(facts, [
    { type: "RunRejected", command_id: "command-of-r1", run_id: "r1", ...refusal, ...ASKED },
  ]);
  assert.equal(given(facts), noRuns);
});

test("a repeat with the same Idempotency-Key and body is the first run, for 24 hours of the commands' times", () => {
  const idempotency = { key: "run|x|k", body_hash: "h" };
  const state = accepted(["stop"], { idempotency });
  const repeat = (hours: number, body_hash = "h") =>
    decideSubmit(
      state,
      submit({ run_id: "r2", idempotency: { key: "run|x|k", body_hash } }, NOW + hours * HOUR),
      NOW,
      plan("r2"),
    );
  assert.deepEqual(repeat(23.9), [
    { type: "RunRepeated", command_id: "command-of-r2", run_id: "r2", first_run_id: "r1" },
  ]);
  assert.deepEqual(types(repeat(24)), ["RunAccepted"]);
  const [refused] = repeat(1, "another");
  assert.ok(
    refused?.type === "RunRejected" && refused.status === 422 && refused.reason === "idempotency-key-reused",
  );
});

test("a key is remembered after its run is over, and forgotten within 25 hours", () => {
  const first = accepted(["stop"], { idempotency: { key: "k1", body_hash: "h" } });
  const over = after(first, decideReported(first, reported(0), NOW));
  assert.equal(over.runs.size, 0);
  assert.equal(over.recentKeys.size, 1);
  const later = submit({ run_id: "r2", idempotency: { key: "k2", body_hash: "h" } }, NOW + 25 * HOUR + 1);
  assert.deepEqual([...after(over, decideSubmit(over, later, NOW, plan("r2"))).recentKeys.keys()], ["k2"]);
});

test("a key that is used again is forgotten by its later use, and hides no older one", () => {
  const use = (state: TenantRuns, run_id: string, key: string, hours: number) => {
    const command = submit({ run_id, idempotency: { key, body_hash: "h" } }, NOW + hours * HOUR);
    return after(state, decideSubmit(state, command, NOW, plan(run_id)));
  };
  const twice = use(use(use(noRuns, "r1", "a", 0), "r2", "b", 1), "r3", "a", 24);
  assert.deepEqual([...twice.recentKeys.keys()], ["b", "a"]);
  assert.deepEqual([...use(twice, "r4", "c", 27).recentKeys.keys()], ["a", "c"]);
});

test("20,000 idempotent runs are folded in time that grows with their number, not its square", () => {
  const begun = performance.now();
  let state = noRuns;
  for (let n = 0; n < 20_000; n += 1) {
    const [fact] = decideSubmit(
      state,
      submit({ run_id: `r${n}`, idempotency: { key: `k${n}`, body_hash: "h" } }, NOW + n),
      NOW,
      plan(`r${n}`),
    );
    if (fact !== undefined) state = evolve(state, fact);
  }
  assert.equal(state.recentKeys.size, 20_000);
  assert.ok(performance.now() - begun < 5_000, `${Math.round(performance.now() - begun)} ms`);
});

test("the first claim of the current attempt starts the step; a second changes nothing", () => {
  const state = accepted();
  const facts = decideClaimed(state, claimed(0), NOW);
  assert.deepEqual(types(facts), ["StepStarted"]);
  const running = after(state, facts);
  assert.equal(running.runs.get("r1")?.status, "RUNNING");
  assert.deepEqual(decideClaimed(running, claimed(0), NOW), []);
});

test("steps run in the order written; the last one's success completes the run", () => {
  let state = accepted(["stop", "stop"]);
  const first = decideReported(state, reported(0), NOW);
  assert.deepEqual(types(first), ["StepStarted", "StepFinished"]);
  state = after(state, first);
  assert.deepEqual(decideReported(state, reported(0), NOW), [], "a report of a step that is over");
  const last = decideReported(state, reported(1), NOW + 5);
  assert.deepEqual(types(last), ["StepStarted", "StepFinished", "RunFinished"]);
  const end = last.at(-1);
  assert.ok(end?.type === "RunFinished" && end.status === "COMPLETE" && end.run_version === 6);
  assert.equal(after(state, last).runs.size, 0);
});

test("a failed step stops its run: the rest is skipped, the run fails and says why", () => {
  const facts = decideReported(accepted(["stop", "stop", "stop"]), failure(0), NOW);
  assert.deepEqual(types(facts), [
    "StepStarted",
    "StepFinished",
    "StepFinished",
    "StepFinished",
    "RunFinished",
  ]);
  const statuses = facts.flatMap((fact) => (fact.type === "StepFinished" ? [fact.status] : []));
  assert.deepEqual(statuses, ["FAILED", "SKIPPED", "SKIPPED"]);
  const end = facts.at(-1);
  assert.ok(end?.type === "RunFinished" && end.status === "FAILED");
  assert.match(end.error_message ?? "", /Step "s0" failed: no such table/);
});

test("on_failure: continue goes on, and the run completes", () => {
  const state = accepted(["continue", "stop"]);
  const failed = decideReported(state, failure(0), NOW);
  assert.deepEqual(types(failed), ["StepStarted", "StepFinished"]);
  const end = decideReported(after(state, failed), reported(1), NOW).at(-1);
  assert.ok(end?.type === "RunFinished" && end.status === "COMPLETE");
});

test("a failure that may pass is tried three times in all, each try with a number of its own", () => {
  let state = accepted();
  for (const [attempt, tryNumber] of [
    [1, 2],
    [2, 3],
  ] as const) {
    const [, reissued] = decideReported(state, failure(0, { retryable: true, attempt }), NOW);
    assert.ok(
      reissued?.type === "StepReissued" && reissued.try === tryNumber && reissued.attempt === attempt + 1,
    );
    state = after(state, decideReported(state, failure(0, { retryable: true, attempt }), NOW));
  }
  assert.equal(
    decideReported(state, failure(0, { retryable: true, attempt: 3 }), NOW).at(-1)?.type,
    "RunFinished",
  );
});

test("a lease that ran out raises the attempt, never the try; the old attempt's results do not count any more", () => {
  const running = after(accepted(), decideClaimed(accepted(), claimed(0), NOW));
  const facts = decideLeaseExpired(running, { runId: "r1", index: 0, attempt: 1 });
  assert.ok(facts[0]?.type === "StepReissued" && facts[0].attempt === 2 && facts[0].try === 1);
  const reissued = after(running, facts);
  assert.deepEqual(decideReported(reissued, reported(0), NOW), [], "the old attempt's report");
  assert.deepEqual(decideLeaseExpired(reissued, { runId: "r1", index: 0, attempt: 1 }), [], "judged twice");
  assert.deepEqual(types(decideClaimed(reissued, claimed(0, 2), NOW)), ["StepStarted"]);
});

test("a step keeps the start of its first attempt", () => {
  const running = after(accepted(), decideClaimed(accepted(), claimed(0), NOW));
  const reissued = after(running, decideLeaseExpired(running, { runId: "r1", index: 0, attempt: 1 }));
  const [started] = decideClaimed(reissued, claimed(0, 2), NOW + 60_000);
  assert.ok(started?.type === "StepStarted" && started.started_at === NOW);
});

test("cancelling the open runs ends each of them once, with one outcome for the command", () => {
  const one = accepted(["stop", "stop"]);
  const state = after(one, decideSubmit(one, submit({ run_id: "r2" }), NOW, plan("r2")));
  const meta = { command_id: "c", tenant_id: "acme", at: NOW, sent_by: "tenant-service" };
  const facts = decideCancelOpenRuns(state, { type: "CancelOpenRuns", meta, reason: "recreated" }, NOW);
  assert.deepEqual(facts[0], { type: "OpenRunsCancelled", command_id: "c" });
  assert.equal(facts.filter(({ type }) => type === "RunFinished").length, 2);
  const ended = after(state, facts);
  assert.equal(ended.runs.size, 0);
  assert.deepEqual(decideReported(ended, reported(0), NOW), [], "a result that comes too late");
});

test("results of runs and steps that are not there change nothing", () => {
  const state = accepted(["stop", "stop"]);
  assert.deepEqual(decideReported(state, reported(0, { run_id: "unknown" }), NOW), []);
  assert.deepEqual(decideReported(state, reported(1), NOW), [], "a step whose turn has not come");
});

test("a run's versions count its events without a gap", () => {
  const state = accepted(["stop", "stop", "stop"]);
  const versions = decideReported(state, failure(0), NOW).flatMap((fact) =>
    "run_version" in fact ? [fact.run_version] : [],
  );
  assert.deepEqual(versions, [2, 3, 4, 5, 6]);
});

test("a snapshot restores the very state", () => {
  const idempotency = { key: "k", body_hash: "h" };
  const state = after(
    accepted(["stop", "continue"], { idempotency }),
    decideClaimed(accepted(["stop", "continue"], { idempotency }), claimed(0), NOW),
  );
  const restored = restoreRuns(structuredClone(storeRuns(state)));
  assert.deepEqual(storeRuns(restored), storeRuns(state));
  assert.deepEqual(decideReported(restored, reported(0), NOW), decideReported(state, reported(0), NOW));
});
