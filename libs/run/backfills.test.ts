import assert from "node:assert/strict";
import { test } from "node:test";
import type { Backfill, BackfillDate, StartBackfill } from "@convergence/contracts";
import {
  decideBackfill,
  decideCancelBackfill,
  decideCancelOpenRuns,
  decideStartBackfill,
  decideSubmit,
  endRun,
  isBackfillDue,
  MAX_BACKFILLS,
  noRuns,
  restoreRuns,
  storeRuns,
  type TenantRuns,
} from "./index.ts";
import { after, NOW, plan, submit, types } from "./testing.ts";

const meta = { command_id: "c", tenant_id: "acme", at: NOW, sent_by: "g" };

function start(
  changes: Partial<Backfill> = {},
  idempotency: StartBackfill["idempotency"] = null,
): StartBackfill {
  const backfill = {
    ...{ backfill_id: "b", provider: "gcp", domain: "cost", template: "export", parameters: "{}" },
    ...{ from: "2024-02-27", to: "2024-03-01", max_concurrent: 2, trigger_by: "me", ...changes },
  };
  return { type: "StartBackfill", meta, backfill, idempotency };
}

const begin = (state: TenantRuns, command: StartBackfill) => decideStartBackfill(state, command, () => null);
const started = (changes: Partial<Backfill> = {}) => after(noRuns, begin(noRuns, start(changes)));

/** Decides and folds what is next: the date's run has the date as its id. */
function next(state: TenantRuns, refused = false): TenantRuns {
  const facts = decideBackfill(state, "b", NOW, (date: BackfillDate) => {
    const refusal = { status: 404, reason: "template-not-found", detail: "none", problems: [] };
    const planned = refused ? () => ({ ok: false as const, refusal }) : plan(date.date);
    const origin = { slot: null, backfill: date };
    return decideSubmit(state, submit({ run_id: date.date }), NOW, planned, null, origin);
  });
  return after(state, facts);
}

function end(state: TenantRuns, runId: string, status: "COMPLETE" | "FAILED" = "COMPLETE"): TenantRuns {
  const run = state.runs.get(runId);
  assert.ok(run !== undefined, runId);
  return after(state, endRun(run, { now: NOW, steps: "SKIPPED", status, error: null }));
}

const open = (state: TenantRuns) => state.backfills.get("b")?.open;

test("so many dates are open at once, in order, over the leap day; failed and refused ones hold up none", () => {
  let state = next(next(started()));
  assert.deepEqual(open(state), ["2024-02-27", "2024-02-28"]);
  assert.equal(next(state), state, "no third");
  state = next(end(state, "2024-02-27", "FAILED"));
  assert.deepEqual(open(state), ["2024-02-28", "2024-02-29"]);
  state = next(end(state, "2024-02-28"), true);
  assert.deepEqual(open(state), ["2024-02-29"]);
  assert.equal(next(state), state, "no date is left");
  assert.equal(end(state, "2024-02-29").backfills.size, 0);
});

test("a cancelled backfill begins no more, and ends its open runs one by one", () => {
  const state = next(next(started()));
  const command = { type: "CancelBackfill" as const, meta, backfill_id: "b" };
  let cancelled = after(state, decideCancelBackfill(state, command));
  for (const left of [1, 0]) {
    const facts = decideBackfill(cancelled, "b", NOW, () => assert.fail("a date is begun"));
    assert.equal(facts.filter(({ type }) => type === "RunFinished").length, 1);
    cancelled = after(cancelled, facts);
    assert.equal(open(cancelled)?.length ?? 0, left);
  }
  assert.equal(cancelled.backfills.size, 0);
  assert.equal(cancelled.runs.size, 0);
  assert.deepEqual(types(decideCancelBackfill(cancelled, command)), ["OrderRejected"]);
});

test("where a tenant's open runs are cancelled, its backfills end with them", () => {
  const state = next(started());
  const command = { type: "CancelOpenRuns" as const, meta, reason: "made anew" };
  const facts = decideCancelOpenRuns(state, command, NOW);
  const [outcome, ...ends] = facts;
  assert.ok(outcome !== undefined);
  const known = after(state, [outcome]).backfills.get("b");
  assert.ok(known?.cancelled === true && isBackfillDue(known), "a crash in between leaves them due");
  assert.equal(after(after(state, [outcome]), ends).backfills.size, 0);
});

test("an Idempotency-Key is one backfill", () => {
  const key = { key: "backfill|k", body_hash: "h" };
  const state = after(noRuns, begin(noRuns, start({}, key)));
  const again = begin(state, start({ backfill_id: "b2" }, key));
  assert.deepEqual(again, [{ type: "RunRepeated", command_id: "c", run_id: "b2", first_run_id: "b" }]);
  assert.deepEqual(types(begin(state, start({}, { ...key, body_hash: "other" }))), ["OrderRejected"]);
});

test("a tenant has so many backfills open", () => {
  let state = noRuns;
  for (let n = 0; n < MAX_BACKFILLS; n += 1)
    state = after(state, begin(state, start({ backfill_id: `b${n}` })));
  assert.deepEqual(types(begin(state, start({ backfill_id: "more" }))), ["OrderRejected"]);
});

test("a snapshot holds backfills", () => {
  const state = next(started());
  assert.deepEqual(restoreRuns(storeRuns(state)).backfills.toJS(), state.backfills.toJS());
});

test("a template that skips where it is held lets a backfill's runs wait", () => {
  const state = next(started());
  const concurrency = { key: "k", limit: 1 };
  const planned = () => {
    const held = plan("2024-02-28")();
    return held.ok ? { ...held, refusedIfHeld: true, run: { ...held.run, concurrency } } : held;
  };
  const full = after(state, decideSubmit(state, submit({ run_id: "r" }), NOW, planned));
  const origin = { slot: null, backfill: { backfill_id: "b", date: "2024-02-28" } };
  assert.deepEqual(types(decideSubmit(full, submit(), NOW, planned, null, origin)), ["RunAccepted"]);
  assert.deepEqual(types(decideSubmit(full, submit(), NOW, planned)), ["RunRejected"]);
});
