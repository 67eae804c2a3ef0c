import type { TriggerType } from "@convergence/contracts";
import { isHeldByKey } from "./concurrency.ts";
import type { RunFact, TenantRuns } from "./state.ts";

/** What a tenant may start and have under way; null: any number. */
export interface Quota {
  /** Runs accepted in a calendar month (UTC). */
  monthly: number | null;
  /** Runs under way at once; further ones wait. */
  concurrent: number | null;
}

export const UNLIMITED: Quota = { monthly: null, concurrent: null };

/** How many runs of a tenant may wait for a place. One that comes on top is refused. */
export const MAX_WAITING = 1_000;

/**
 * True for a run that counts: each that is accepted, whoever asked (a retry is a run of its own), but for the validation
 * run of an onboarding. That one never waits either, so that a full queue keeps nobody from onboarding.
 */
export function isCounted(trigger: TriggerType): boolean {
  return trigger !== "onboarding";
}

/** Start of a moment's calendar month, UTC, Unix milliseconds. */
export function monthOf(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

/** Start of the month after a moment's. */
export function nextMonth(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** The month that a run accepted at this moment counts in. It never goes back, whatever a new owner's clock says. */
export function countingMonth({ month }: Pick<TenantRuns, "month">, at: number): number {
  return Math.max(month, monthOf(at));
}

/** How many runs were accepted in the month of this moment. */
export function monthRuns(state: Pick<TenantRuns, "month" | "monthRuns">, at: number): number {
  return countingMonth(state, at) === state.month ? state.monthRuns : 0;
}

/** How many runs have a place: all that are open but do not wait for one. */
export function placesTaken({ runs, waiting }: TenantRuns): number {
  return runs.size - waiting.size;
}

/**
 * Decides which waiting runs have a place now, in the order of their acceptance. One that its concurrency key holds back
 * takes none. A place is an event: so a quota that changes takes none away, and the next owner gives none twice.
 */
export function decideRelease(state: TenantRuns, { concurrent }: Quota): RunFact[] {
  let free = concurrent === null ? Number.POSITIVE_INFINITY : concurrent - placesTaken(state);
  const released: RunFact[] = [];
  for (const run_id of state.waiting) {
    if (free <= 0) break;
    const run = state.runs.get(run_id);
    if (run === undefined || isHeldByKey(state, run)) continue;
    released.push({ type: "RunReleased", run_id });
    free -= 1;
  }
  return released;
}
