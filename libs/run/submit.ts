import type {
  BackfillDate,
  Concurrency,
  PlannedStep,
  Problem,
  RunHead,
  Slot,
  SubmitRun,
  Trace,
} from "@convergence/contracts";
import { underWay } from "./concurrency.ts";
import { doneBefore } from "./ending.ts";
import { isCounted, MAX_WAITING, monthRuns, nextMonth, placesTaken, type Quota } from "./quota.ts";
import { IDEMPOTENCY_WINDOW_MS, opened, type RunFact, type TenantRuns, type UsedKey } from "./state.ts";

/** A refusal as the client will read it. `reason` is a stable slug. */
export interface Refusal {
  status: number;
  reason: string;
  detail: string;
  problems: Problem[];
}

/** What the template and the parameters come to. */
export type Plan =
  | {
      ok: true;
      run: Omit<RunHead, "accepted_at" | "trace" | "slot" | "backfill">;
      steps: PlannedStep[];
      /** It is refused rather than queued where as many of its concurrency key are open as may be. */
      refusedIfHeld: boolean;
      /** What the tenant may have. */
      quota: Quota;
    }
  | { ok: false; refusal: Refusal };

/** What asked for a run where no client did: the slot of a schedule, or the date of a backfill. */
export interface RunOrigin {
  slot: Slot | null;
  backfill: BackfillDate | null;
}

const ASKED: RunOrigin = { slot: null, backfill: null };

/**
 * Decides a SubmitRun: one outcome, whatever is asked. `plan` is only called for a command that is new; `trace` is the
 * asking request's.
 */
export function decideSubmit(
  state: TenantRuns,
  command: SubmitRun,
  now: number,
  plan: () => Plan,
  trace: Trace | null = null,
  origin: RunOrigin = ASKED,
): RunFact[] {
  const before = earlierUse(state, command);
  if (before !== undefined) return [before];
  const planned = plan();
  if (!planned.ok) return [rejected(command, planned.refusal, origin)];
  // A backfill's dates wait for their turn: its own bound is what lets them be under way.
  const skips = planned.refusedIfHeld && origin.backfill === null;
  if (skips && isFull(state, planned.run.concurrency)) return [rejected(command, FULL, origin)];
  const run: RunHead = { ...planned.run, accepted_at: now, trace, ...origin };
  const place = isCounted(run.trigger_type) ? placeFor(state, run, planned.quota, now) : AT_ONCE;
  if ("status" in place) return [rejected(command, place, origin)];
  return [
    {
      type: "RunAccepted",
      command_id: command.meta.command_id,
      idempotency: command.idempotency,
      requested_at: command.meta.at,
      run,
      steps: planned.steps,
      waits: place.waits,
    },
    ...doneBefore(opened(run, planned.steps), now),
  ];
}

const FULL: Refusal = {
  status: 409,
  reason: "concurrency-limit",
  detail: "As many runs of this pipeline as may be open at once are open: wait for one to end.",
  problems: [],
};

function isFull(state: TenantRuns, concurrency: Concurrency | null): boolean {
  return concurrency !== null && underWay(state, concurrency).length >= concurrency.limit;
}

const AT_ONCE = { waits: false };

/**
 * Whether a new run may begin at once, or why there is none. One that its concurrency key holds back waits for its place
 * too, so that it takes none from others; and none overtakes those that wait.
 */
function placeFor(state: TenantRuns, run: RunHead, quota: Quota, now: number): { waits: boolean } | Refusal {
  const { monthly, concurrent } = quota;
  if (monthly !== null && monthRuns(state, now) >= monthly) return monthIsFull(monthly, now);
  const limited = concurrent !== null;
  const full = limited && (placesTaken(state) >= concurrent || isFull(state, run.concurrency));
  const waits = full || state.waiting.size > 0;
  return waits && state.waiting.size >= MAX_WAITING ? QUEUE_FULL : { waits };
}

/** Slug of a refusal that the month's end lifts. */
export const MONTHLY_QUOTA = "monthly-quota";

function monthIsFull(monthly: number, now: number): Refusal {
  const from = new Date(nextMonth(now)).toISOString().slice(0, 10);
  return {
    status: 429,
    reason: MONTHLY_QUOTA,
    detail: `All ${monthly} runs that the tenant may start this month are started: wait until ${from} (UTC), or ask for a higher tier.`,
    problems: [],
  };
}

const QUEUE_FULL: Refusal = {
  status: 429,
  reason: "queue-full",
  detail: `${MAX_WAITING} runs of the tenant wait for others to end: wait for some of them, or ask for a higher tier.`,
  problems: [],
};

function earlierUse(state: TenantRuns, command: SubmitRun): RunFact | undefined {
  const { idempotency, meta } = command;
  const used = usedBefore(state, command);
  if (idempotency === null || used === undefined) return undefined;
  if (used.bodyHash === idempotency.body_hash) {
    return {
      type: "RunRepeated",
      command_id: meta.command_id,
      run_id: command.run_id,
      first_run_id: used.runId,
    };
  }
  return rejected(command, KEY_REUSED);
}

/** What a command's Idempotency-Key was used for in the last 24 hours, if for anything. */
export function usedBefore(
  state: TenantRuns,
  { idempotency, meta }: Pick<SubmitRun, "idempotency" | "meta">,
): UsedKey | undefined {
  const used = idempotency === null ? undefined : state.recentKeys.get(idempotency.key);
  return used === undefined || meta.at - used.at >= IDEMPOTENCY_WINDOW_MS ? undefined : used;
}

export const KEY_REUSED: Refusal = {
  status: 422,
  reason: "idempotency-key-reused",
  detail: "This Idempotency-Key was used with another body in the last 24 hours: send a new key.",
  problems: [],
};

function rejected(command: SubmitRun, refusal: Refusal, origin: RunOrigin = ASKED): RunFact {
  const { meta, run_id } = command;
  return { type: "RunRejected", command_id: meta.command_id, run_id, ...refusal, ...origin };
}
