/** Runs that no client asks for at their time: those of schedules and backfills. */
import type { BackfillState, ScheduleState, SubmitRun } from "@convergence/contracts";
import {
  decideBackfill,
  decideDue,
  dueAt,
  isBackfillDue,
  type RunEvent,
  type TenantRuns,
} from "@convergence/run";
import { every, type Timer } from "@convergence/runtime/clock.ts";
import type { Admitting } from "../admission/admit.ts";
import type { PipelineServiceDeps, RunLane } from "../deps.ts";

/** How late a slot may be found to be due, in milliseconds. */
const LOOK_MS = 1_000;

type Deps = Pick<PipelineServiceDeps, "clock" | "random" | "instance" | "log">;

/** Something that is looked after: a schedule, or a backfill. */
interface Watched {
  lane: RunLane;
  tenantId: string;
  id: string;
  kind: "schedule" | "backfill";
  /** When it is to be decided about, Unix milliseconds. */
  at: number;
  judging: boolean;
}

/** Proposes what is due. It keeps nothing that the folded state does not tell. */
export class PlannedRuns {
  readonly #deps: Deps;
  readonly #admitting: Admitting;
  readonly #watched = new Map<string, Watched>();
  #timer: Timer | undefined;

  constructor(deps: Deps, admitting: Admitting) {
    this.#deps = deps;
    this.#admitting = admitting;
  }

  start(): void {
    this.#timer = every(this.#deps.clock, LOOK_MS, () => {
      for (const watched of this.#watched.values()) this.#look(watched);
    });
  }

  stop(): void {
    this.#timer?.clear();
  }

  /** A tenant's state is this instance's to look after. */
  gained(lane: RunLane, tenantId: string, { schedules, backfills }: TenantRuns): void {
    for (const state of schedules.values()) this.#watchSchedule(lane, tenantId, state);
    for (const state of backfills.values()) this.#watchBackfill(lane, tenantId, state);
  }

  /** Looks again at what an event may have changed. */
  folded(lane: RunLane, event: RunEvent, state: TenantRuns): void {
    const { tenant_id: tenantId } = event.meta;
    const { schedule, backfill } = touchedBy(event);
    if (schedule !== null) {
      const known = state.schedules.get(schedule);
      if (known === undefined) this.#watched.delete(keyOf("schedule", tenantId, schedule));
      else this.#watchSchedule(lane, tenantId, known);
    }
    if (backfill !== null) {
      const known = state.backfills.get(backfill);
      if (known === undefined) this.#watched.delete(keyOf("backfill", tenantId, backfill));
      else this.#watchBackfill(lane, tenantId, known);
    }
  }

  /** A lane is lost. */
  forget(partition: number): void {
    for (const [key, { lane }] of this.#watched) if (lane.partition === partition) this.#watched.delete(key);
  }

  #watchSchedule(lane: RunLane, tenantId: string, state: ScheduleState): void {
    this.#watch({
      lane,
      tenantId,
      id: state.schedule.name,
      kind: "schedule",
      at: dueAt(state),
      judging: false,
    });
  }

  #watchBackfill(lane: RunLane, tenantId: string, state: BackfillState): void {
    const at = isBackfillDue(state) ? 0 : Number.POSITIVE_INFINITY;
    this.#watch({ lane, tenantId, id: state.backfill.backfill_id, kind: "backfill", at, judging: false });
  }

  #watch(watched: Watched): void {
    this.#watched.set(keyOf(watched.kind, watched.tenantId, watched.id), watched);
    this.#look(watched);
  }

  #look(watched: Watched): void {
    if (watched.judging || watched.at > this.#deps.clock.now()) return;
    watched.judging = true;
    void this.#propose(watched);
  }

  async #propose(watched: Watched): Promise<void> {
    const { lane, tenantId, id, kind } = watched;
    try {
      await lane.propose(tenantId, (state, now) =>
        kind === "schedule"
          ? this.#decideDue(tenantId, state, id, now)
          : this.#decideNext(tenantId, state, id, now),
      );
    } catch (error) {
      this.#deps.log.warn(
        { tenant_id: tenantId, [kind]: id, error: String(error) },
        "a planned run comes later",
      );
    } finally {
      watched.judging = false;
    }
  }

  #decideDue(tenantId: string, state: TenantRuns, name: string, now: number) {
    return decideDue(state, name, now, (slot, schedule) => {
      const command = { ...this.#command(tenantId, now), ...schedule, trigger_by: name };
      const moment = { at: slot.at, timezone: schedule.timezone };
      const origin = { slot, backfill: null };
      return this.#admitting.submit(state, submitOf(command, "scheduler"), {
        now,
        trace: null,
        origin,
        moment,
      });
    });
  }

  #decideNext(tenantId: string, state: TenantRuns, id: string, now: number) {
    return decideBackfill(state, id, now, (date, backfill) => {
      const parameters = JSON.stringify({ ...JSON.parse(backfill.parameters), date: date.date });
      const command = { ...this.#command(tenantId, now), ...backfill, parameters };
      const origin = { slot: null, backfill: date };
      return this.#admitting.submit(state, submitOf(command, "backfill"), { now, trace: null, origin });
    });
  }

  /** Ids are random, so that a log that was made anew never meets the warehouse's jobs of the old one. */
  #command(tenantId: string, now: number): Pick<SubmitRun, "meta" | "run_id"> {
    const run_id = this.#deps.random.uuid();
    return {
      run_id,
      meta: { command_id: run_id, tenant_id: tenantId, at: now, sent_by: this.#deps.instance },
    };
  }
}

type Asked = Pick<
  SubmitRun,
  "meta" | "run_id" | "provider" | "domain" | "template" | "parameters" | "trigger_by"
>;

function submitOf(asked: Asked, trigger_type: SubmitRun["trigger_type"]): SubmitRun {
  const { meta, run_id, provider, domain, template, parameters, trigger_by } = asked;
  const what = { meta, run_id, provider, domain, template, parameters, trigger_by, trigger_type };
  return { type: "SubmitRun", ...what, idempotency: null, resume: null, tenant_version: 0 };
}

/** The schedule and the backfill that an event may have changed. */
function touchedBy(event: RunEvent): { schedule: string | null; backfill: string | null } {
  switch (event.type) {
    case "ScheduleSet":
    case "ScheduleTold":
      return { schedule: event.state.schedule.name, backfill: null };
    case "ScheduleDeleted":
      return { schedule: event.name, backfill: null };
    case "SlotsPassed":
      return { schedule: event.schedule, backfill: null };
    case "RunAccepted":
    case "RunFinished": {
      const { slot, backfill } = event.run;
      return { schedule: slot?.schedule ?? null, backfill: backfill?.backfill_id ?? null };
    }
    case "RunRejected":
      return { schedule: event.slot?.schedule ?? null, backfill: event.backfill?.backfill_id ?? null };
    case "BackfillAccepted":
      return { schedule: null, backfill: event.backfill.backfill_id };
    case "BackfillCancelled":
      return { schedule: null, backfill: event.backfill_id };
    // Of a cancelled tenant's backfills each open run's end is told; one without is gone from the state.
    case "OpenRunsCancelled":
    case "OrderRejected":
    case "RunCancelAccepted":
    case "RunCancelRejected":
    case "RunRepeated":
    case "StepFinished":
    case "StepReissued":
    case "RunReleased":
    case "StepStarted":
      return { schedule: null, backfill: null };
  }
}

function keyOf(kind: Watched["kind"], tenantId: string, id: string): string {
  return `${kind}/${tenantId}/${id}`;
}
