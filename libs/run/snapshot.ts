import type {
  BackfillState,
  OpenRun,
  OpenStep,
  RecentKey,
  RunStatus,
  ScheduleState,
} from "@convergence/contracts";
import { OrderedMap, OrderedSet } from "immutable";
import type { Run, Step, TenantRuns } from "./state.ts";

/** A tenant's runs as a snapshot record holds them. */
export interface StoredRuns {
  runs: OpenRun[];
  recent_keys: RecentKey[];
  schedules: ScheduleState[];
  backfills: BackfillState[];
  month: number;
  month_runs: number;
}

/** State to snapshot record. */
export function storeRuns(state: TenantRuns): StoredRuns {
  return {
    runs: [...state.runs.values()].map((run) => storeRun(run, state.waiting.has(run.head.run_id))),
    recent_keys: [...state.recentKeys.entries()].map(([key, used]) => ({
      key,
      body_hash: used.bodyHash,
      run_id: used.runId,
      at: used.at,
    })),
    schedules: [...state.schedules.values()],
    backfills: [...state.backfills.values()],
    month: state.month,
    month_runs: state.monthRuns,
  };
}

/** Snapshot record to state: the inverse of storeRuns. */
export function restoreRuns(stored: StoredRuns): TenantRuns {
  return {
    runs: OrderedMap(stored.runs.map((run) => [run.head.run_id, restoreRun(run)])),
    recentKeys: OrderedMap(
      stored.recent_keys.map((used) => [
        used.key,
        { bodyHash: used.body_hash, runId: used.run_id, at: used.at },
      ]),
    ),
    schedules: OrderedMap(stored.schedules.map((state) => [state.schedule.name, state])),
    backfills: OrderedMap(stored.backfills.map((state) => [state.backfill.backfill_id, state])),
    waiting: OrderedSet(stored.runs.flatMap(({ head, waits }) => (waits ? [head.run_id] : []))),
    month: stored.month,
    monthRuns: stored.month_runs,
  };
}

function storeRun(run: Run, waits: boolean): OpenRun {
  const steps = run.steps.map(
    (step): OpenStep => ({
      planned: step.planned,
      status: step.status,
      attempt: step.attempt,
      try: step.try,
      not_before: step.notBefore,
      started_at: step.startedAt,
      error_message: step.errorMessage,
    }),
  );
  return { head: run.head, version: run.version, status: run.status, steps, failure: run.failure, waits };
}

function restoreRun(stored: OpenRun): Run {
  const steps = stored.steps.map(
    (step): Step => ({
      planned: step.planned,
      status: step.status,
      attempt: step.attempt,
      try: step.try,
      notBefore: step.not_before,
      startedAt: step.started_at,
      errorMessage: step.error_message,
    }),
  );
  const { head, version, failure } = stored;
  return { head, version, status: openStatus(stored.status), steps, failure };
}

function openStatus(status: RunStatus): Run["status"] {
  if (status === "PENDING" || status === "RUNNING") return status;
  throw new RangeError(`a snapshot holds a run that is ${status}`);
}
