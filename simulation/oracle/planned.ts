import type { RunEvent } from "@convergence/run";

/** The one slot of all schedules that clients set (plan/make-plan.ts). */
export const SLOT_AT = Date.UTC(2025, 10, 20, 8, 1);

interface SeenBackfill {
  tenantId: string;
  from: string;
  to: string;
  max: number;
  /** By date: the run, or null for a refusal. */
  begun: Map<string, string | null>;
  open: Set<string>;
  cancelled: boolean;
}

/** Schedules and backfills as the counted log tells them, folded apart from libs/run. */
export class SeenPlanned {
  /** By tenant and name: whether the schedule waits for its slot. Absent: deleted. */
  readonly #schedules = new Map<string, { waits: boolean }>();
  /** Slots that had a run or a refusal, by tenant, name and time. */
  readonly #slots = new Set<string>();
  readonly backfills = new Map<string, SeenBackfill>();
  readonly #violation: (what: string) => void;

  constructor(violation: (what: string) => void) {
    this.#violation = violation;
  }

  /** True where an accepted cancel lets the runs of this backfill end. */
  isCancelled(backfillId: string): boolean {
    return this.backfills.get(backfillId)?.cancelled === true;
  }

  fold(event: RunEvent): void {
    const { tenant_id: tenantId } = event.meta;
    switch (event.type) {
      case "ScheduleSet": {
        const { schedule, done_to } = event.state;
        this.#schedules.set(`${tenantId}/${schedule.name}`, { waits: done_to < SLOT_AT });
        break;
      }
      case "ScheduleDeleted":
        this.#schedules.delete(`${tenantId}/${event.name}`);
        break;
      case "SlotsPassed":
        this.#violation(`${tenantId}: slots of ${event.schedule} are passed over, none was missed for long`);
        break;
      case "RunAccepted":
        if (event.run.slot !== null) this.#slot(tenantId, event.run.slot, event.meta.at);
        if (event.run.backfill !== null) this.#date(event.run.backfill, event.run.run_id);
        break;
      case "RunRejected":
        if (event.slot !== null) this.#slot(tenantId, event.slot, event.meta.at);
        if (event.backfill !== null) this.#date(event.backfill, null);
        break;
      case "RunFinished":
        if (event.run.backfill !== null)
          this.backfills.get(event.run.backfill.backfill_id)?.open.delete(event.run.run_id);
        break;
      case "BackfillAccepted": {
        const { backfill_id, from, to, max_concurrent: max } = event.backfill;
        if (this.backfills.has(backfill_id)) this.#violation(`backfill ${backfill_id} is accepted twice`);
        const none = { begun: new Map(), open: new Set<string>(), cancelled: false };
        this.backfills.set(backfill_id, { tenantId, from, to, max, ...none });
        break;
      }
      case "BackfillCancelled":
        this.#cancel((_, id) => id === event.backfill_id);
        break;
      case "OpenRunsCancelled":
        this.#cancel((backfill) => backfill.tenantId === tenantId);
        break;
      case "OrderRejected":
      case "RunCancelAccepted":
      case "RunCancelRejected":
      case "RunReleased":
      case "RunRepeated":
      case "ScheduleTold":
      case "StepFinished":
      case "StepReissued":
      case "StepStarted":
        break;
    }
  }

  /** What is still to be begun. */
  *waiting(): Generator<string> {
    for (const [name, { waits }] of this.#schedules) {
      if (waits) yield `schedule ${name} waits for its slot's run`;
    }
    for (const [id, { from, to, begun, cancelled }] of this.backfills) {
      const dates = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
      if (!cancelled && begun.size < dates) yield `backfill ${id} has begun ${begun.size} of ${dates} dates`;
    }
  }

  #slot(tenantId: string, { schedule, at }: { schedule: string; at: number }, when: number): void {
    const slot = `${tenantId}/${schedule}/${at}`;
    const known = this.#schedules.get(`${tenantId}/${schedule}`);
    if (this.#slots.has(slot)) this.#violation(`slot ${slot} fires twice`);
    if (known === undefined) this.#violation(`slot ${slot} fires without its schedule`);
    if (at !== SLOT_AT) this.#violation(`slot ${slot} is none`);
    if (when < at) this.#violation(`slot ${slot} fires ${at - when} ms early`);
    this.#slots.add(slot);
    if (known !== undefined) known.waits = false;
  }

  #date({ backfill_id, date }: { backfill_id: string; date: string }, runId: string | null): void {
    const name = `date ${date} of backfill ${backfill_id}`;
    const backfill = this.backfills.get(backfill_id);
    if (backfill === undefined) {
      this.#violation(`${name}: there is no such backfill`);
      return;
    }
    const { begun, open, from, to, max, cancelled } = backfill;
    if (begun.has(date)) this.#violation(`${name} is begun twice`);
    if (date < from || date > to) this.#violation(`${name} is outside its range`);
    if (cancelled) this.#violation(`${name} is begun after its cancel`);
    begun.set(date, runId);
    if (runId !== null) open.add(runId);
    if (open.size > max) this.#violation(`${name} is the ${open.size}th that is open, of at most ${max}`);
  }

  #cancel(which: (backfill: SeenBackfill, id: string) => boolean): void {
    for (const [id, backfill] of this.backfills) if (which(backfill, id)) backfill.cancelled = true;
  }
}
