import type { BusRecord, Done, Running } from "@convergence/bus/port.ts";
import { decodeAs, RUN_EVENTS_TYPES, type RunEventsMessage } from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import { every, type Timer } from "@convergence/runtime/clock.ts";
import type { StepRunnerDeps } from "../deps.ts";
import { countedRows } from "./counted-rows.ts";
import { Limit } from "./limit.ts";
import { type Parked, Parking } from "./parking.ts";
import { type ProjectedTable, SHAPES } from "./rows.ts";
import { TableQueue } from "./table-queue.ts";

/** How often the number of parked tables is told, in milliseconds. */
const GAUGE_MS = 5_000;
/** How many tables are written at a time: more would only wait at the warehouse, beyond the time of a request. */
const TABLES_AT_A_TIME = 50;
/** How much later events may be read, in milliseconds: rows gather for longer before they are written anyway. */
const GATHER_MS = 200;
/** How many events may wait to be written before reading pauses. */
const MAX_WAITING = 50_000;

/**
 * Projects run and step state from run.events into each tenant's pipeline_runs and step_logs. An offset is committed
 * once its rows are written, with the claim that counts there. A table that cannot be written is parked, and holds back only
 * itself.
 */
export class Projection {
  readonly #deps: StepRunnerDeps;
  readonly #readers = new Map<number, LogReader>();
  readonly #queues = new Map<string, TableQueue>();
  readonly #dirty = new Set<TableQueue>();
  readonly #parking: Parking;
  readonly #limit = new Limit(TABLES_AT_A_TIME);
  #timer: Timer | undefined;
  #running: Running | undefined;
  readonly #lag;
  readonly #gauge: () => void;
  #gauging: Timer | undefined;

  constructor(deps: StepRunnerDeps) {
    this.#deps = deps;
    this.#parking = new Parking(deps, (parked) => this.#adopt(parked));
    const parked = deps.metrics.gauge(
      "convergence_projection_parked_tables",
      "Tables that cannot be written, counted once a partition of run.events",
      ["instance"],
    );
    this.#gauge = () => parked.set({ instance: deps.instance }, this.#parking.size);
    this.#lag = deps.metrics.gauge(
      "convergence_projection_lag_seconds",
      "Age of the last event taken up for projection",
      ["instance"],
    );
  }

  async start(): Promise<Running> {
    const { bus, clock, instance } = this.#deps;
    await this.#parking.start();
    this.#gauging = every(clock, GAUGE_MS, this.#gauge);
    this.#running = await bus.work(
      {
        group: "projection",
        topic: "run.events",
        member: instance,
        maxInFlight: MAX_WAITING,
        gatherMs: GATHER_MS,
        assigned: (partitions) => this.#assigned(partitions),
      },
      (record, done) => this.#take(record, done),
    );
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#timer?.clear();
    this.#gauging?.clear();
    const flushes = [...this.#dirty].map((queue) => queue.flush());
    await Promise.race([Promise.all(flushes), this.#afterGrace()]);
    for (const queue of this.#queues.values()) queue.stop();
    await this.#running?.stop();
    await this.#parking.stop();
  }

  #afterGrace(): Promise<void> {
    return new Promise((resolve) => {
      this.#deps.clock.after(3_000, resolve);
    });
  }

  #assigned(partitions: { partition: number; note: string | null }[]): void {
    const owned = new Set(partitions.map(({ partition }) => partition));
    for (const partition of [...this.#readers.keys()]) if (!owned.has(partition)) this.#forget(partition);
    for (const { partition, note } of partitions) {
      if (this.#readers.has(partition)) continue;
      this.#readers.set(partition, new LogReader(note === null ? -1 : Number(note)));
      for (const parked of this.#parking.of(partition)) this.#adopt(parked);
    }
  }

  /** What was parked by others of a partition that is this member's now is this member's to write. */
  #adopt(parked: Parked): void {
    const { partition, table } = parked;
    if (!this.#readers.has(partition) || !isProjected(table.table)) return;
    this.#queue(partition, { dataset: table.dataset, table: table.table }).adopt(parked);
    this.#flushSoon();
  }

  #forget(partition: number): void {
    this.#readers.delete(partition);
    for (const [name, queue] of [...this.#queues]) {
      if (!name.startsWith(`${partition}|`)) continue;
      queue.stop();
      this.#queues.delete(name);
      this.#dirty.delete(queue);
    }
  }

  #take(record: BusRecord, done: Done): void {
    let event: RunEventsMessage;
    try {
      event = decodeAs(record.value, RUN_EVENTS_TYPES);
    } catch (error) {
      void this.#deadLetter(record, error, done);
      return;
    }
    const reader = this.#readers.get(record.partition) ?? new LogReader();
    this.#readers.set(record.partition, reader);
    const rows = countedRows(reader, record, event);
    const note = String(reader.claim);
    this.#lag.set(
      { instance: this.#deps.instance },
      Math.max(0, this.#deps.clock.now() - record.time) / 1000,
    );
    if (rows.length === 0) {
      done(note);
      return;
    }
    let left = rows.length;
    const written = () => {
      left -= 1;
      if (left === 0) done(note);
    };
    const { claim } = reader;
    for (const { dataset, table, key, row } of rows) {
      this.#queue(record.partition, { dataset, table }).add({
        offset: record.offset,
        claim,
        key,
        row,
        written,
      });
    }
    this.#flushSoon();
  }

  #flushSoon(): void {
    this.#timer ??= this.#deps.clock.after(this.#deps.flushMs, () => this.#flush());
  }

  #queue(partition: number, { dataset, table }: { dataset: string; table: ProjectedTable }): TableQueue {
    const name = `${partition}|${dataset}|${table}`;
    const queue =
      this.#queues.get(name) ??
      new TableQueue(this.#deps, { dataset, table }, partition, {
        parking: this.#parking,
        limit: this.#limit,
      });
    this.#queues.set(name, queue);
    this.#dirty.add(queue);
    return queue;
  }

  #flush(): void {
    this.#timer = undefined;
    for (const queue of this.#dirty) void queue.flush();
    this.#dirty.clear();
  }

  async #deadLetter(record: BusRecord, error: unknown, done: Done): Promise<void> {
    const { topic, partition, offset } = record;
    this.#deps.log.error(
      { topic, partition, offset, error: String(error) },
      "event goes to the dead letters",
    );
    try {
      await this.#deps.bus.dead(record, error);
      done(String(this.#readers.get(record.partition)?.claim ?? -1));
    } catch {
      this.#deps.clock.after(100, () => void this.#deadLetter(record, error, done));
    }
  }
}

function isProjected(table: string): table is ProjectedTable {
  return table in SHAPES;
}
