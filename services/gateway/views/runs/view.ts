import type { DatabaseSync } from "node:sqlite";
import type { BusRecord } from "@convergence/bus";
import {
  type BackfillAccepted,
  type BackfillCancelled,
  decodeAs,
  type OrderRejected,
  RUN_COMMANDS_TYPES,
  RUN_EVENTS_TYPES,
  type RunAccepted,
  type RunCancelAccepted,
  type RunCancelRejected,
  type RunEventsMessage,
  type RunRejected,
  type RunRepeated,
  type ScheduleDeleted,
  type ScheduleSet,
} from "@convergence/contracts";
import { every, type Timer } from "@convergence/runtime/clock.ts";
import type { GatewayDeps } from "../../deps.ts";
import { Waiters } from "../../waiters.ts";
import { Follower } from "../follower.ts";
import { type RunChange, RunChanges } from "./changes.ts";
import { foldAccepted, foldFinished, foldRejected, foldStep, foldSubmit } from "./fold.ts";
import { LogOfRuns } from "./log-of-runs.ts";
import { Orders } from "./orders.ts";
import { PositionKeeper } from "./position-keeper.ts";
import { isOver, type RunRow } from "./row.ts";
import { type Batch, type RunFilter, type RunPlace, RunStore, storedRow } from "./store.ts";

/** The one outcome of a SubmitRun. */
export type SubmitOutcome = RunAccepted | RunRejected | RunRepeated;

/** The one outcome of a CancelRun. */
export type CancelOutcome = RunCancelAccepted | RunCancelRejected;

/** The one outcome of a command about schedules or backfills. */
export type OrderOutcome =
  | BackfillAccepted
  | BackfillCancelled
  | OrderRejected
  | RunRepeated
  | ScheduleDeleted
  | ScheduleSet;

const COMMANDS = "run.commands";
const EVENTS = "run.events";
const FLUSH_MS = 100;
/** Rows that are waited with at most before they are stored. */
const FLUSH_ROWS = 2_000;
const DAY_MS = 86_400_000;
/** How long runs that are over are kept: a month's runs can always be counted. In milliseconds. */
export const RUNS_HORIZON_MS = 31 * DAY_MS;

/**
 * Runs by tenant: run.events and run.commands folded. Open and just changed runs are in memory, all are in SQLite,
 * stored in one transaction with the positions and claims that they follow from.
 */
export class RunsView {
  readonly follower: Follower;
  readonly outcomes: Waiters<SubmitOutcome>;
  readonly cancels: Waiters<CancelOutcome>;
  readonly orderOutcomes: Waiters<OrderOutcome>;
  readonly orders: Orders;
  readonly #deps: GatewayDeps;
  readonly #tenantName: (tenantId: string) => string;
  readonly #store: RunStore;
  readonly #ended: Waiters<true>;
  readonly #changes = new RunChanges();
  readonly #pruning: Timer;
  #positions: PositionKeeper;
  #log: LogOfRuns;
  /** Open runs that changed since the start, and whatever is not stored yet. */
  #rows = new Map<string, RunRow>();
  #unstored = new Set<string>();
  /** Copied, and not stored yet; more than one after a write that failed. */
  #batches: Batch[] = [];
  #scheduled = false;
  #stopped = false;
  #storing: Promise<void> | undefined;

  constructor(deps: GatewayDeps, database: DatabaseSync, tenantName: (tenantId: string) => string) {
    this.#deps = deps;
    this.#tenantName = tenantName;
    this.#store = new RunStore(database);
    this.outcomes = new Waiters(deps.clock);
    this.cancels = new Waiters(deps.clock);
    this.orderOutcomes = new Waiters(deps.clock);
    this.orders = new Orders(database);
    this.#ended = new Waiters(deps.clock);
    this.#positions = new PositionKeeper(deps.bus, deps.clock, this.#store.positions());
    this.#log = new LogOfRuns({ claims: this.#store.claims(), versions: this.#store.versions() });
    this.#pruning = every(deps.clock, 3_600_000, () => this.#store.prune(deps.clock.now() - RUNS_HORIZON_MS));
    this.follower = new Follower({
      bus: deps.bus,
      clock: deps.clock,
      log: deps.log,
      metrics: deps.metrics,
      name: "gateway:runs",
      topics: [EVENTS, COMMANDS],
      from: () => this.#resume(),
      fold: (record) => this.#fold(record),
      current: () => {},
      canServeStale: () => !this.#positions.isEmpty,
    });
  }

  /** A run that may be shown; `tenantId` in lower case. */
  get(tenantId: string, runId: string): RunRow | undefined {
    const row = this.#row(tenantId, runId);
    return row?.kind === "unseen" ? undefined : row;
  }

  /** Resolves once the run is over, or after `ms` milliseconds. */
  async waitForEnd(tenantId: string, runId: string, ms: number): Promise<void> {
    await this.#ended.wait(keyOf(tenantId, runId), ms);
  }

  /** Calls `wake` after each change of a run, until the function that it returns is called. */
  watch(tenantId: string, runId: string, wake: () => void): () => void {
    return this.#changes.watch(keyOf(tenantId, runId), wake);
  }

  /** A run's changes after a version, in order; null where not all of them are kept in memory. */
  changesSince(tenantId: string, runId: string, version: number): RunChange[] | null {
    return this.#changes.since(keyOf(tenantId, runId), version);
  }

  /** Newest first; at most `limit`, from behind `after`. */
  async list(tenantId: string, filter: RunFilter, limit: number, after: RunPlace | null): Promise<RunRow[]> {
    await this.stored();
    return this.#store.list(tenantId, filter, limit, after);
  }

  /** How many runs a tenant has started since (Unix milliseconds), and how many are open. */
  async usage(tenantId: string, since: number): Promise<{ started: number; open: number }> {
    await this.stored();
    return this.#store.usage(tenantId, since);
  }

  /** Resolves once all that is folded now is stored. */
  async stored(): Promise<void> {
    while (this.#storing !== undefined) await this.#storing;
    if (this.#unstored.size === 0) return;
    await this.#storeNow();
  }

  async stop(): Promise<void> {
    this.#pruning.clear();
    await this.follower.stop();
    while (this.#storing !== undefined) await this.#storing;
    await this.#storeNow();
    this.#stopped = true;
  }

  /** Where to read from: behind what is stored, or from the beginning where that belongs to another log. */
  async #resume(): Promise<ReturnType<PositionKeeper["from"]>> {
    await this.stored();
    if (await this.#positions.stillFits(EVENTS)) return this.#positions.from();
    this.#deps.log.warn({}, "the log is another one than the runs view was made of: rebuilding the view");
    this.#store.clear();
    this.#rows = new Map();
    this.orders.clear();
    this.#unstored = new Set();
    this.#positions = new PositionKeeper(this.#deps.bus, this.#deps.clock, []);
    this.#log = new LogOfRuns({ claims: new Map(), versions: new Map() });
    return "low";
  }

  #fold(record: BusRecord): void {
    const { topic, partition, offset } = record;
    if (!this.#positions.folded(topic, partition, offset)) return;
    this.#schedule();
    this.#deps.metrics.folded(topic, 1);
    try {
      if (topic === COMMANDS) this.#foldCommand(record);
      else this.#foldLogged(partition, offset, decodeAs(record.value, RUN_EVENTS_TYPES));
    } catch (err) {
      this.#deps.metrics.unreadable(topic);
      this.#deps.log.error({ err, topic, partition, offset }, "a record cannot be read: it is left out");
      this.#deps.bus.dead(record, err).catch(() => {});
    }
  }

  #foldCommand(record: BusRecord): void {
    const command = decodeAs(record.value, RUN_COMMANDS_TYPES);
    if (command.type !== "SubmitRun" || command.idempotency !== null) return;
    const { tenant_id } = command.meta;
    this.#put(foldSubmit(this.#row(tenant_id, command.run_id), command, this.#tenantName(tenant_id)));
  }

  #foldLogged(partition: number, offset: number, message: RunEventsMessage): void {
    const verdict = this.#log.judge(partition, offset, message);
    if (verdict === "gap") {
      this.#deps.metrics.logGap();
      this.#deps.log.error({ partition, offset }, "an event is missing before this one in run.events");
    }
    if (verdict === "counted" && message.type !== "Claimed") this.#foldEvent(message);
  }

  #foldEvent(event: Exclude<RunEventsMessage, { type: "Claimed" }>): void {
    const { tenant_id } = event.meta;
    this.orders.fold(event);
    switch (event.type) {
      case "RunAccepted":
        this.#put(foldAccepted(this.#row(tenant_id, event.run.run_id), event));
        this.outcomes.wake(event.command_id, event);
        return;
      case "RunRejected":
        if (event.slot === null && event.backfill === null)
          this.#put(foldRejected(this.#row(tenant_id, event.run_id), event));
        this.outcomes.wake(event.command_id, event);
        return;
      case "RunRepeated":
        this.outcomes.wake(event.command_id, event);
        this.orderOutcomes.wake(event.command_id, event);
        return;
      case "StepStarted":
      case "StepReissued":
      case "StepFinished": {
        const row = this.#row(tenant_id, event.step.run_id);
        if (row !== undefined && foldStep(row, event)) this.#put(row, event.step.index);
        return;
      }
      case "RunFinished":
        this.#put(foldFinished(this.#row(tenant_id, event.run.run_id), event));
        return;
      case "RunCancelAccepted":
      case "RunCancelRejected":
        this.cancels.wake(event.command_id, event);
        return;
      case "ScheduleSet":
      case "ScheduleDeleted":
      case "BackfillAccepted":
      case "BackfillCancelled":
      case "OrderRejected":
        this.orderOutcomes.wake(event.command_id, event);
        return;
      case "OpenRunsCancelled":
      case "ScheduleTold":
      case "SlotsPassed":
        return;
    }
  }

  #row(tenantId: string, runId: string): RunRow | undefined {
    return this.#rows.get(keyOf(tenantId, runId)) ?? this.#store.get(tenantId, runId);
  }

  /** Keeps a run that an event changed: its step of this index, or the run itself. */
  #put(row: RunRow | undefined, stepIndex?: number): void {
    if (row === undefined) return;
    const key = keyOf(row.tenantId, row.runId);
    this.#rows.set(key, row);
    this.#unstored.add(key);
    this.#changes.note(key, row, stepIndex);
    if (isOver(row)) this.#ended.wake(key, true);
  }

  #schedule(): void {
    if (this.#unstored.size >= FLUSH_ROWS && this.#storing === undefined) void this.#storeNow();
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#deps.clock.after(FLUSH_MS, () => {
      this.#scheduled = false;
      if (this.#stopped) return;
      if (this.#storing === undefined) void this.#storeNow();
      else this.#schedule();
    });
  }

  #storeNow(): Promise<void> {
    const storing = this.#storeBatch()
      .catch((err: unknown) => {
        this.#deps.log.error({ err }, "the runs view cannot be stored: trying again");
        this.#schedule();
      })
      .finally(() => {
        this.#storing = undefined;
      });
    this.#storing = storing;
    return storing;
  }

  /** Everything is copied before the marks are asked for: what is folded meanwhile belongs to the next batch. */
  async #storeBatch(): Promise<void> {
    const keys = this.#unstored;
    this.#unstored = new Set();
    const rows = [...keys].flatMap((key) => this.#rows.get(key) ?? []).map(storedRow);
    const orders = this.orders.take();
    const batch: Batch = { rows, orders, ...this.#log.take(), positions: this.#positions.take() };
    this.#batches.push(batch);
    await this.#positions.mark(batch.positions);
    this.#store.write(this.#batches, this.orders);
    const stored = this.#batches.flatMap((written) => written.rows);
    this.orders.written(this.#batches.flatMap((written) => written.orders));
    this.#batches = [];
    for (const [tenantId, runId] of stored) {
      const key = keyOf(tenantId, runId);
      const row = this.#rows.get(key);
      if (row !== undefined && isOver(row) && !this.#unstored.has(key)) this.#rows.delete(key);
    }
  }
}

function keyOf(tenantId: string, runId: string): string {
  return `${tenantId}/${runId}`;
}
