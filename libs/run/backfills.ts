/** A template run for each date of a range, so many at once. What is due follows from the folded state. */
import type {
  Backfill,
  BackfillDate,
  BackfillState,
  CancelBackfill,
  StartBackfill,
} from "@convergence/contracts";
import { endRun } from "./ending.ts";
import type { RunEvent, RunFact, TenantRuns } from "./state.ts";
import { KEY_REUSED, type Refusal, usedBefore } from "./submit.ts";

/** So many backfills of a tenant may be open at once. */
export const MAX_BACKFILLS = 10;

type Backfills = TenantRuns["backfills"];

/** Decides a StartBackfill. `check` says what speaks against it. */
export function decideStartBackfill(
  state: TenantRuns,
  command: StartBackfill,
  check: () => Refusal | null,
): RunFact[] {
  const { backfill, idempotency, meta } = command;
  const { command_id } = meta;
  const used = usedBefore(state, command);
  if (used !== undefined && used.bodyHash === idempotency?.body_hash) {
    const ids = { run_id: backfill.backfill_id, first_run_id: used.runId };
    return [{ type: "RunRepeated", command_id, ...ids }];
  }
  const refusal = used !== undefined ? KEY_REUSED : (check() ?? fullOf(state));
  if (refusal !== null) return [{ type: "OrderRejected", command_id, ...refusal }];
  return [{ type: "BackfillAccepted", command_id, idempotency, requested_at: meta.at, backfill }];
}

function fullOf({ backfills }: TenantRuns): Refusal | null {
  if (backfills.size < MAX_BACKFILLS) return null;
  const detail = `A tenant has at most ${MAX_BACKFILLS} open backfills: wait for one to end, or cancel one.`;
  return { status: 409, reason: "too-many-backfills", detail, problems: [] };
}

/** Decides a CancelBackfill. Its open runs are ended one after another, by decideBackfill. */
export function decideCancelBackfill(state: TenantRuns, { backfill_id, meta }: CancelBackfill): RunFact[] {
  const { command_id } = meta;
  if (state.backfills.has(backfill_id)) return [{ type: "BackfillCancelled", command_id, backfill_id }];
  const detail = "The backfill is over: only one that is open can be cancelled.";
  return [
    { type: "OrderRejected", command_id, status: 409, reason: "backfill-is-over", detail, problems: [] },
  ];
}

/** True where decideBackfill would come to something. */
export function isBackfillDue({ backfill, next, open, cancelled }: BackfillState): boolean {
  if (cancelled) return open.length > 0;
  return next <= backfill.to && open.length < backfill.max_concurrent;
}

/**
 * Decides what is next in a backfill: a date's run, or the end of a run where it was cancelled. One at a time, so that
 * no decision outgrows what the bus stores at once. `submit` decides the run.
 */
export function decideBackfill(
  state: TenantRuns,
  id: string,
  now: number,
  submit: (date: BackfillDate, backfill: Backfill) => RunFact[],
): RunFact[] {
  const known = state.backfills.get(id);
  if (known === undefined || !isBackfillDue(known)) return [];
  if (!known.cancelled) return submit({ backfill_id: id, date: known.next }, known.backfill);
  const [run] = known.open.flatMap((runId) => state.runs.get(runId) ?? []);
  const error = "Cancelled with its backfill";
  return run === undefined ? [] : endRun(run, { now, steps: "CANCELLED", status: "CANCELLED", error });
}

/** Folds an event into a tenant's backfills. */
export function foldBackfills(backfills: Backfills, event: RunEvent | RunFact): Backfills {
  switch (event.type) {
    case "BackfillAccepted": {
      const { backfill } = event;
      const state: BackfillState = { backfill, next: backfill.from, open: [], cancelled: false };
      return backfills.set(backfill.backfill_id, state);
    }
    case "RunAccepted":
      return begun(backfills, event.run.backfill, [event.run.run_id]);
    case "RunRejected":
      return begun(backfills, event.backfill, []);
    case "RunFinished": {
      const { backfill, run_id } = event.run;
      return changed(backfills, backfill?.backfill_id, ({ open }) => ({
        open: open.filter((id) => id !== run_id),
      }));
    }
    case "BackfillCancelled":
      return changed(backfills, event.backfill_id, () => ({ cancelled: true }));
    case "OpenRunsCancelled":
      return [...backfills.keys()].reduce(
        (all, id) => changed(all, id, () => ({ cancelled: true })),
        backfills,
      );
    case "ScheduleSet":
    case "ScheduleTold":
    case "ScheduleDeleted":
    case "SlotsPassed":
    case "OrderRejected":
    case "RunCancelAccepted":
    case "RunCancelRejected":
    case "RunRepeated":
    case "StepFinished":
    case "StepReissued":
    case "RunReleased":
    case "StepStarted":
      return backfills;
  }
}

function begun(backfills: Backfills, date: BackfillDate | null, runs: string[]): Backfills {
  if (date === null) return backfills;
  return changed(backfills, date.backfill_id, ({ open }) => ({
    next: dayAfter(date.date),
    open: [...open, ...runs],
  }));
}

/** A backfill leaves once nothing of it is open, and nothing is to be begun. */
function changed(
  backfills: Backfills,
  id: string | undefined,
  change: (state: BackfillState) => Partial<BackfillState>,
): Backfills {
  const known = id === undefined ? undefined : backfills.get(id);
  if (id === undefined || known === undefined) return backfills;
  const after = { ...known, ...change(known) };
  const isOver = after.open.length === 0 && (after.cancelled || after.next > after.backfill.to);
  return isOver ? backfills.delete(id) : backfills.set(id, after);
}

/** The next day of an ISO date. */
export function dayAfter(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}
