import type { DatabaseSync } from "node:sqlite";
import type { Backfill, ScheduleState } from "@convergence/contracts";
import { foldSchedules, noRuns, type RunEvent, refusalText } from "@convergence/run";

/** A backfill as it is shown. */
export interface BackfillRow {
  backfill: Backfill;
  /** Unix milliseconds. */
  acceptedAt: number;
  endedAt: number | null;
  /** How many dates were begun or refused. */
  begun: number;
  open: { date: string; runId: string }[];
  complete: number;
  failed: number;
  cancelled: number;
  refused: number;
  /** The last dates that did not complete. */
  failures: { date: string; runId: string | null; error: string | null }[];
  isCancelled: boolean;
}

/** A row to be stored; a null detail takes it away. */
export type OrderChange = { tenantId: string; kind: Kind; id: string; detail: string | null };
type Kind = "schedule" | "backfill";

const MAX_FAILURES = 100;
const DAY_MS = 86_400_000;

/** What tenants have planned for later, run.events folded: its rows are stored with the runs', in one transaction. */
export class Orders {
  readonly #database: DatabaseSync;
  /** What is not stored yet. */
  #live = new Map<string, OrderChange>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  schedule(tenantId: string, name: string): ScheduleState | undefined {
    const detail = this.#get(tenantId, "schedule", name);
    return detail === null ? undefined : readSchedule(detail);
  }

  /** By name. */
  schedules(tenantId: string): ScheduleState[] {
    const all = new Map(
      this.#database
        .prepare("SELECT id, detail FROM orders WHERE tenant_id = ? AND kind = 'schedule'")
        .all(tenantId)
        .map(({ id, detail }): [string, string | null] => [String(id), String(detail)]),
    );
    for (const change of this.#live.values()) {
      if (change.tenantId === tenantId && change.kind === "schedule") all.set(change.id, change.detail);
    }
    return [...all.values()]
      .flatMap((detail) => (detail === null ? [] : readSchedule(detail)))
      .sort((a, b) => (a.schedule.name < b.schedule.name ? -1 : 1));
  }

  backfill(tenantId: string, id: string): BackfillRow | undefined {
    const detail = this.#get(tenantId, "backfill", id);
    if (detail === null) return undefined;
    const row: BackfillRow = JSON.parse(detail);
    return row;
  }

  fold(event: RunEvent): void {
    this.#foldSchedule(event);
    this.#foldBackfill(event);
  }

  /** What is to be stored. It stays readable here until it is. */
  take(): OrderChange[] {
    return [...this.#live.values()];
  }

  /** Within the caller's transaction. */
  write(changes: readonly OrderChange[]): void {
    const put = this.#database.prepare(
      "INSERT OR REPLACE INTO orders (tenant_id, kind, id, detail) VALUES (?, ?, ?, ?)",
    );
    const drop = this.#database.prepare("DELETE FROM orders WHERE tenant_id = ? AND kind = ? AND id = ?");
    for (const { tenantId, kind, id, detail } of changes) {
      if (detail === null) drop.run(tenantId, kind, id);
      else put.run(tenantId, kind, id, detail);
    }
  }

  /** These are stored: what has not changed since need not be kept here. */
  written(changes: readonly OrderChange[]): void {
    for (const change of changes) {
      const key = keyOf(change.tenantId, change.kind, change.id);
      if (this.#live.get(key) === change) this.#live.delete(key);
    }
  }

  clear(): void {
    this.#live = new Map();
  }

  #foldSchedule(event: RunEvent): void {
    const name = scheduleOf(event);
    if (name === null) return;
    const { tenant_id: tenantId } = event.meta;
    const known = this.schedule(tenantId, name);
    const before = known === undefined ? noRuns.schedules : noRuns.schedules.set(name, known);
    const after = foldSchedules(before, event).get(name);
    this.#put(tenantId, "schedule", name, after ?? null);
  }

  #foldBackfill(event: RunEvent): void {
    const { tenant_id: tenantId, at } = event.meta;
    const change = (id: string | undefined, how: (row: BackfillRow) => Partial<BackfillRow>) => {
      const row = id === undefined ? undefined : this.backfill(tenantId, id);
      if (id === undefined || row === undefined) return;
      const after = { ...row, ...how(row) };
      const isOver = after.open.length === 0 && (after.isCancelled || after.begun >= datesOf(after.backfill));
      const endedAt = row.endedAt ?? (isOver ? at : null);
      this.#put(tenantId, "backfill", id, {
        ...after,
        endedAt,
        failures: after.failures.slice(-MAX_FAILURES),
      });
    };
    if (event.type === "BackfillAccepted") {
      const { backfill } = event;
      const counts = { begun: 0, complete: 0, failed: 0, cancelled: 0, refused: 0 };
      const lists = { open: [], failures: [] };
      const row = { backfill, acceptedAt: at, endedAt: null, ...counts, ...lists, isCancelled: false };
      this.#put(tenantId, "backfill", backfill.backfill_id, row);
    } else if (event.type === "OpenRunsCancelled") {
      for (const id of this.#backfillsOf(tenantId)) {
        change(id, ({ endedAt, isCancelled }) => ({ isCancelled: isCancelled || endedAt === null }));
      }
    } else if (event.type === "BackfillCancelled") {
      change(event.backfill_id, () => ({ isCancelled: true }));
    } else if (event.type === "RunAccepted" && event.run.backfill !== null) {
      const { backfill_id, date } = event.run.backfill;
      const begun = { date, runId: event.run.run_id };
      change(backfill_id, (row) => ({ begun: row.begun + 1, open: [...row.open, begun] }));
    } else if (event.type === "RunRejected" && event.backfill !== null) {
      const { backfill_id, date } = event.backfill;
      const failure = { date, runId: null, error: refusalText(event) };
      change(backfill_id, (row) => ({
        begun: row.begun + 1,
        refused: row.refused + 1,
        failures: [...row.failures, failure],
      }));
    } else if (event.type === "RunFinished" && event.run.backfill !== null) {
      const { run, status, error_message: error } = event;
      const { backfill_id, date } = event.run.backfill;
      const failure = { date, runId: run.run_id, error };
      change(backfill_id, (row) => ({
        open: row.open.filter(({ runId }) => runId !== run.run_id),
        complete: row.complete + (status === "COMPLETE" ? 1 : 0),
        failed: row.failed + (status === "FAILED" ? 1 : 0),
        cancelled: row.cancelled + (status === "CANCELLED" ? 1 : 0),
        failures: status === "COMPLETE" ? row.failures : [...row.failures, failure],
      }));
    }
  }

  #backfillsOf(tenantId: string): Set<string> {
    const stored = this.#database
      .prepare("SELECT id FROM orders WHERE tenant_id = ? AND kind = 'backfill'")
      .all(tenantId)
      .map(({ id }) => String(id));
    const live = [...this.#live.values()].filter(
      (one) => one.tenantId === tenantId && one.kind === "backfill",
    );
    return new Set([...stored, ...live.map(({ id }) => id)]);
  }

  #get(tenantId: string, kind: Kind, id: string): string | null {
    const live = this.#live.get(keyOf(tenantId, kind, id));
    if (live !== undefined) return live.detail;
    const found = this.#database
      .prepare("SELECT detail FROM orders WHERE tenant_id = ? AND kind = ? AND id = ?")
      .get(tenantId, kind, id);
    return found === undefined ? null : String(found.detail);
  }

  #put(tenantId: string, kind: Kind, id: string, detail: object | null): void {
    const text = detail === null ? null : JSON.stringify(detail);
    this.#live.set(keyOf(tenantId, kind, id), { tenantId, kind, id, detail: text });
  }
}

/** How many dates a backfill has. */
export function datesOf({ from, to }: Pick<Backfill, "from" | "to">): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS) + 1;
}

function scheduleOf(event: RunEvent): string | null {
  if (event.type === "ScheduleSet" || event.type === "ScheduleTold") return event.state.schedule.name;
  if (event.type === "ScheduleDeleted") return event.name;
  if (event.type === "SlotsPassed") return event.schedule;
  if (event.type === "RunAccepted") return event.run.slot?.schedule ?? null;
  return event.type === "RunRejected" ? (event.slot?.schedule ?? null) : null;
}

function readSchedule(detail: string): ScheduleState {
  const state: ScheduleState = JSON.parse(detail);
  return state;
}

function keyOf(tenantId: string, kind: Kind, id: string): string {
  return `${tenantId}/${kind}/${id}`;
}
