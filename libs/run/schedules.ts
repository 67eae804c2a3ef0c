/** Runs that a clock asks for. A slot is a moment at which a schedule is due; each is done with once. */
import type { DeleteSchedule, PutSchedule, Schedule, ScheduleState, Slot } from "@convergence/contracts";
import { cronProblems, nextSlot, slotsBefore } from "@convergence/cron";
import type { RunEvent, RunFact, TenantRuns } from "./state.ts";
import type { Refusal } from "./submit.ts";

/** So many schedules may a tenant have. */
export const MAX_SCHEDULES = 100;

/** A slot that is older was missed, and its schedule's catch-up says what becomes of it, in milliseconds. */
export const ON_TIME_MS = 120_000;

/** A schedule is told again after so long, in milliseconds: well within run.events' retention. */
const TELL_EVERY_MS = 10 * 24 * 3_600_000;

type Schedules = TenantRuns["schedules"];

/** Decides a PutSchedule. `check` says what speaks against it beside its time. */
export function decidePutSchedule(
  state: TenantRuns,
  { schedule, meta }: PutSchedule,
  now: number,
  check: () => Refusal | null,
): RunFact[] {
  const { command_id } = meta;
  const before = state.schedules.get(schedule.name);
  const refusal = check() ?? refusalOf(state, schedule, before);
  if (refusal !== null) return [{ type: "OrderRejected", command_id, ...refusal }];
  const after: ScheduleState = {
    schedule,
    set_at: now,
    done_to: before === undefined ? now : doneTo(before, schedule, now),
    last_slot: before?.last_slot ?? null,
    last_run_id: before?.last_run_id ?? null,
    last_refusal: before?.last_refusal ?? null,
    passed_from: before?.passed_from ?? null,
    passed_to: before?.passed_to ?? null,
    told_at: now,
  };
  return [{ type: "ScheduleSet", command_id, state: after }];
}

function refusalOf(state: TenantRuns, schedule: Schedule, before: ScheduleState | undefined): Refusal | null {
  const problems = cronProblems(schedule);
  const detail = "The schedule's time is not understood: see errors.";
  if (problems.length > 0) return { status: 422, reason: "invalid-schedule", detail, problems };
  if (before !== undefined || state.schedules.size < MAX_SCHEDULES) return null;
  const full = `A tenant has at most ${MAX_SCHEDULES} schedules: delete one.`;
  return { status: 409, reason: "too-many-schedules", detail: full, problems: [] };
}

/** A schedule whose times stay goes on where it was; another begins now, and never before what is done with. */
function doneTo(before: ScheduleState, next: Schedule, now: number): number {
  const { cron, timezone, enabled } = before.schedule;
  const goesOn = enabled && next.enabled && cron === next.cron && timezone === next.timezone;
  return goesOn ? before.done_to : Math.max(before.done_to, now);
}

/** Decides a DeleteSchedule. */
export function decideDeleteSchedule(state: TenantRuns, { name, meta }: DeleteSchedule): RunFact[] {
  const { command_id } = meta;
  if (state.schedules.has(name)) return [{ type: "ScheduleDeleted", command_id, name }];
  const refusal = { status: 404, reason: "schedule-not-found", detail: "There is no schedule of this name." };
  return [{ type: "OrderRejected", command_id, ...refusal, problems: [] }];
}

/** When something is to be decided about a schedule, Unix milliseconds. */
export function dueAt({ schedule, done_to, told_at }: ScheduleState): number {
  const slot = schedule.enabled ? nextSlot(schedule, done_to) : null;
  return Math.min(slot ?? Number.POSITIVE_INFINITY, told_at + TELL_EVERY_MS);
}

/**
 * Decides what a schedule's time has come to: a slot's run, or that slots were missed, or that it is told again. One
 * event says both that the slot had its run or refusal, and that the schedule is done with it. `submit` decides the run.
 */
export function decideDue(
  state: TenantRuns,
  name: string,
  now: number,
  submit: (slot: Slot, schedule: Schedule) => RunFact[],
): RunFact[] {
  const known = state.schedules.get(name);
  if (known === undefined || dueAt(known) > now) return [];
  const { schedule, done_to } = known;
  const passed = schedule.enabled ? passedTo(known, now) : null;
  if (passed !== null) return [{ type: "SlotsPassed", schedule: name, from: done_to, to: passed }];
  const at = schedule.enabled ? nextSlot(schedule, done_to) : null;
  if (at !== null && at <= now) return submit({ schedule: name, at }, schedule);
  return [{ type: "ScheduleTold", state: { ...known, told_at: now } }];
}

/** Up to which slot the missed ones are passed over; null where none is. */
function passedTo({ schedule, done_to }: ScheduleState, now: number): number | null {
  const kept = CAUGHT_UP[schedule.catch_up]?.(schedule) ?? 0;
  const oldest = slotsBefore(schedule, now - ON_TIME_MS, kept + 1)[kept];
  return oldest !== undefined && oldest > done_to ? oldest : null;
}

/** How many of the latest missed slots are run after all. */
const CAUGHT_UP: Readonly<Record<string, (schedule: Schedule) => number>> = {
  none: () => 0,
  last: () => 1,
  all: ({ catch_up_max }) => catch_up_max,
};

/** Folds an event into a tenant's schedules. */
export function foldSchedules(schedules: Schedules, event: RunEvent | RunFact): Schedules {
  switch (event.type) {
    case "ScheduleSet":
    case "ScheduleTold":
      return schedules.set(event.state.schedule.name, event.state);
    case "ScheduleDeleted":
      return schedules.delete(event.name);
    case "SlotsPassed": {
      const { from, to } = event;
      return changed(schedules, event.schedule, { done_to: to, passed_from: from, passed_to: to });
    }
    case "RunAccepted":
      return done(schedules, event.run.slot, { last_run_id: event.run.run_id, last_refusal: null });
    case "RunRejected":
      return done(schedules, event.slot, { last_refusal: refusalText(event) });
    case "BackfillAccepted":
    case "BackfillCancelled":
    case "OrderRejected":
    case "OpenRunsCancelled":
    case "RunCancelAccepted":
    case "RunCancelRejected":
    case "RunFinished":
    case "RunReleased":
    case "RunRepeated":
    case "StepFinished":
    case "StepReissued":
    case "StepStarted":
      return schedules;
  }
}

function done(schedules: Schedules, slot: Slot | null, what: Partial<ScheduleState>): Schedules {
  if (slot === null) return schedules;
  return changed(schedules, slot.schedule, { ...what, done_to: slot.at, last_slot: slot.at });
}

function changed(schedules: Schedules, name: string, what: Partial<ScheduleState>): Schedules {
  const known = schedules.get(name);
  return known === undefined ? schedules : schedules.set(name, { ...known, ...what });
}

/** A refusal in a line, with what is wrong with which field. */
export function refusalText({ detail, problems }: Pick<Refusal, "detail" | "problems">): string {
  const named = problems.map(({ field, message }) => `${field}: ${message}`).join("; ");
  return (named === "" ? detail : `${detail} (${named})`).slice(0, 1_000);
}
