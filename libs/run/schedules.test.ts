import assert from "node:assert/strict";
import { test } from "node:test";
import type { Schedule, Slot } from "@convergence/contracts";
import {
  decideDeleteSchedule,
  decideDue,
  decidePutSchedule,
  decideSubmit,
  dueAt,
  MAX_SCHEDULES,
  noRuns,
  type Refusal,
  restoreRuns,
  storeRuns,
  type TenantRuns,
} from "./index.ts";
import { after, plan, submit, types } from "./testing.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NOON = Date.UTC(2026, 5, 1, 12);

function schedule(changes: Partial<Schedule> = {}): Schedule {
  return {
    ...{ name: "daily", provider: "gcp", domain: "cost", template: "export", parameters: "{}" },
    ...{ cron: "0 6 * * *", timezone: "UTC", catch_up: "last", catch_up_max: 3, enabled: true },
    ...changes,
  };
}

function put(state: TenantRuns, changes: Partial<Schedule>, now = NOON, refusal: Refusal | null = null) {
  const meta = { command_id: "c", tenant_id: "acme", at: now, sent_by: "g" };
  const command = { type: "PutSchedule" as const, meta, schedule: schedule(changes) };
  return decidePutSchedule(state, command, now, () => refusal);
}

const set = (changes: Partial<Schedule> = {}, now = NOON) => after(noRuns, put(noRuns, changes, now));

let runs = 0;
/** What is due is decided, and folded, until nothing is; what had a run, or was passed over up to. */
function due(state: TenantRuns, now: number, refusal?: Refusal): { state: TenantRuns; did: string[] } {
  const did: string[] = [];
  let folded = state;
  for (;;) {
    const facts = decideDue(folded, "daily", now, (slot: Slot) => {
      runs += 1;
      const command = submit({ run_id: `run-${runs}` });
      const planned = refusal === undefined ? plan(`run-${runs}`) : () => ({ ok: false as const, refusal });
      return decideSubmit(folded, command, now, planned, null, { slot, backfill: null });
    });
    const [fact] = facts;
    if (fact === undefined) return { state: folded, did };
    if (fact.type === "RunAccepted") did.push(new Date(fact.run.slot?.at ?? 0).toISOString().slice(5, 13));
    else if (fact.type === "SlotsPassed") did.push(`passed ${new Date(fact.to).toISOString().slice(5, 13)}`);
    else did.push(fact.type);
    folded = after(folded, facts);
  }
}

test("a slot has its run once, whatever the clock of the next owner", () => {
  const slot = Date.UTC(2026, 5, 2, 6);
  const state = set();
  assert.deepEqual(due(state, slot - 1).did, []);
  const fired = due(state, slot + 500);
  assert.deepEqual(fired.did, ["06-02T06"]);
  for (const now of [slot - DAY, slot, slot + 501]) assert.deepEqual(due(fired.state, now).did, []);
  const known = fired.state.schedules.get("daily");
  assert.deepEqual([known?.last_slot, known?.last_refusal], [slot, null]);
});

test("what becomes of missed slots is the schedule's to say; a slot two minutes late is not missed", () => {
  const late = Date.UTC(2026, 5, 7, 6, 1);
  const missed = Date.UTC(2026, 5, 7, 6, 3);
  const after5Days = (catch_up: string, now: number) => due(set({ catch_up }), now).did;
  assert.deepEqual(after5Days("none", late), ["passed 06-06T06", "06-07T06"]);
  assert.deepEqual(after5Days("none", missed), ["passed 06-07T06"]);
  assert.deepEqual(after5Days("last", late), ["passed 06-05T06", "06-06T06", "06-07T06"]);
  assert.deepEqual(after5Days("last", missed), ["passed 06-06T06", "06-07T06"]);
  assert.deepEqual(after5Days("all", missed), ["passed 06-04T06", "06-05T06", "06-06T06", "06-07T06"]);
});

test("a refused slot is done with, and tells why", () => {
  const problems = [{ field: "region", message: "is missing" }];
  const refusal = { status: 422, reason: "invalid-parameters", detail: "See errors.", problems };
  const { state, did } = due(set(), Date.UTC(2026, 5, 2, 6), refusal);
  assert.deepEqual(did, ["RunRejected"]);
  assert.equal(state.schedules.get("daily")?.last_refusal, "See errors. (region: is missing)");
});

test("a schedule that is set again goes on where it was; other times, or an interval of rest, begin anew", () => {
  const later = NOON + 3 * DAY;
  const doneTo = (changes: Partial<Schedule>, before: Partial<Schedule> = {}) => {
    const state = set(before);
    return after(state, put(state, changes, later)).schedules.get("daily")?.done_to;
  };
  assert.equal(doneTo({ parameters: '{"a":1}' }), NOON);
  assert.equal(doneTo({ cron: "0 7 * * *" }), later);
  assert.equal(doneTo({ timezone: "Asia/Kolkata" }), later);
  assert.equal(doneTo({}, { enabled: false }), later);
  const back = after(set(), put(set(), { cron: "0 7 * * *" }, NOON - DAY));
  assert.equal(back.schedules.get("daily")?.done_to, NOON);
});

test("one that is held, or deleted, has no slots", () => {
  assert.deepEqual(due(set({ enabled: false }), NOON + 5 * DAY).did, []);
  const meta = { command_id: "d", tenant_id: "acme", at: NOON, sent_by: "g" };
  const command = { type: "DeleteSchedule" as const, meta, name: "daily" };
  const facts = decideDeleteSchedule(set(), command);
  assert.deepEqual(types(facts), ["ScheduleDeleted"]);
  assert.deepEqual(due(after(set(), facts), NOON + 5 * DAY).did, []);
  assert.deepEqual(types(decideDeleteSchedule(noRuns, command)), ["OrderRejected"]);
});

test("it is told again before the log forgets it, once", () => {
  const state = set({ cron: "0 6 1 1 *" });
  const known = state.schedules.get("daily");
  assert.equal(known === undefined ? 0 : dueAt(known), NOON + 10 * DAY);
  const told = due(state, NOON + 11 * DAY);
  assert.deepEqual(told.did, ["ScheduleTold"]);
  assert.deepEqual(due(told.state, NOON + 12 * DAY).did, []);
});

test("faults of time, too many, and what speaks against it otherwise, are refused", () => {
  const [fact] = put(noRuns, { cron: "61 * * * *", timezone: "Mars" });
  assert.ok(fact?.type === "OrderRejected");
  assert.deepEqual(
    fact.problems.map(({ field }) => field),
    ["timezone", "cron"],
  );
  let state = noRuns;
  for (let n = 0; n < MAX_SCHEDULES; n += 1) state = after(state, put(state, { name: `s${n}` }));
  assert.deepEqual(types(put(state, { name: "one-more" })), ["OrderRejected"]);
  assert.deepEqual(types(put(state, { name: "s0" })), ["ScheduleSet"]);
  const refusal = { status: 404, reason: "template-not-found", detail: "none", problems: [] };
  assert.deepEqual(put(noRuns, {}, NOON, refusal), [{ type: "OrderRejected", command_id: "c", ...refusal }]);
});

test("a snapshot holds schedules", () => {
  const { state } = due(set(), NOON + DAY);
  assert.deepEqual(restoreRuns(storeRuns(state)).schedules.toJS(), state.schedules.toJS());
});
