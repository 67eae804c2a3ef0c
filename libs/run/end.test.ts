import assert from "node:assert/strict";
import { test } from "node:test";
import { decideCancelRun, decideClaimed, decideSubmit, decideTimeOut, dueSteps, noRuns } from "./index.ts";
import { accepted, after, claimed, NOW, plan, submit } from "./testing.ts";

const cancel = (run_id = "r1") => ({
  type: "CancelRun" as const,
  meta: { command_id: "c9", tenant_id: "acme", at: NOW, sent_by: "g" },
  run_id,
  reason: "enough",
});

test("a cancel ends an open run and all its open steps, and has one outcome", () => {
  const state = accepted(["stop", "stop"]);
  const facts = decideCancelRun(state, cancel(), NOW);
  assert.deepEqual(
    facts.map((fact) => [fact.type, "status" in fact ? fact.status : null]),
    [
      ["RunCancelAccepted", null],
      ["StepFinished", "CANCELLED"],
      ["StepFinished", "CANCELLED"],
      ["RunFinished", "CANCELLED"],
    ],
  );
  const ended = after(state, facts);
  assert.equal(ended.runs.size, 0);
  assert.deepEqual(
    decideCancelRun(ended, cancel(), NOW).map(({ type }) => type),
    ["RunCancelRejected"],
  );
});

test("a run's time counts from its first step's start, and ends what is open", () => {
  const planned = plan("r1", ["stop", "stop"])();
  assert.ok(planned.ok);
  const limited = { ...planned, run: { ...planned.run, timeout_ms: 60_000 } };
  let state = after(
    noRuns,
    decideSubmit(noRuns, submit(), NOW, () => limited),
  );
  assert.deepEqual(decideTimeOut(state, "r1", NOW + 3_600_000), [], "it waits for a slot");
  state = after(state, decideClaimed(state, claimed(0), NOW + 5_000));
  assert.deepEqual(decideTimeOut(state, "r1", NOW + 64_999), []);
  const facts = decideTimeOut(state, "r1", NOW + 65_000);
  const last = facts.at(-1);
  assert.ok(last?.type === "RunFinished" && last.status === "FAILED");
  assert.match(String(last.error_message), /longer than its timeout_minutes, 1$/);
  assert.deepEqual(decideTimeOut(after(state, facts), "r1", NOW + 70_000), []);
});

test("steps that another run did are SKIPPED at once, and what depends on them begins", () => {
  const planned = plan("r1", ["stop", "stop", "stop"])();
  assert.ok(planned.ok);
  const wired = (depends: (number[] | null)[]) =>
    planned.steps.map((step, n) => ({
      ...step,
      depends_on: depends[n] ?? null,
      done_by: n === 0 ? "r0" : null,
    }));
  for (const depends of [
    [null, null, null],
    [[], [0], [0, 1]],
  ]) {
    const facts = decideSubmit(noRuns, submit(), NOW, () => ({ ...planned, steps: wired(depends) }));
    const [, skipped] = facts;
    assert.ok(skipped?.type === "StepFinished" && skipped.status === "SKIPPED");
    assert.equal(skipped.metadata, '{"done_by":"r0"}');
    const run = after(noRuns, facts).runs.get("r1");
    assert.deepEqual(run && dueSteps(run), [1]);
  }
});
