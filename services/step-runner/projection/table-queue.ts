import { sleep } from "@convergence/runtime/clock.ts";
import { type TableRef, WarehouseError } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import type { StepRunnerDeps } from "../deps.ts";
import type { Limit } from "./limit.ts";
import { type LogPlace, readRows } from "./log-rows.ts";
import type { Parked, Parking } from "./parking.ts";
import { type ProjectedTable, type Row, SHAPES } from "./rows.ts";

/** At most so many rows in one batch. */
const BATCH_ROWS = 2_000;
/** At most so many rows of a parked table are read from the log at a time. */
const READ_ROWS = 10_000;
/** Before a table that could not be written is tried again, in milliseconds: doubled each time, up to the last. */
const RETRY_MS = { first: 500, last: 60_000 };
/** So much of what the warehouse said is kept, in characters. */
const MAX_REASON = 500;
/** The label that tells how far a batch reached. */
const LAST_OFFSET = "last_offset";

/** A row to be written. */
interface OutRow {
  offset: number;
  key: string;
  row: Row;
}

/** A row that waits to be written. */
export interface Waiting extends OutRow {
  /** The claim that counts at its offset. */
  claim: number;
  /** Called when the row is written, or need not be waited for. */
  written(): void;
}

/**
 * One table's rows of one log partition, written in order and in batches. A batch's job bears an id made of the
 * table's incarnation, the partition and the offset and key of the batch's first row, and a label that tells its last:
 * who finds the id taken waits for that job, and goes on behind its label, whatever its own batch would have held.
 *
 * A table that refuses its rows is parked: from which offset on is stored, and its rows are passed over, so that
 * they hold back nobody. Once it can be written its rows are read again from the log; those that come meanwhile wait.
 */
export class TableQueue {
  readonly #deps: StepRunnerDeps;
  readonly #table: TableRef & { table: ProjectedTable };
  readonly #partition: number;
  readonly #parking: Parking;
  readonly #limit: Limit;
  #waiting: Waiting[] = [];
  /** What is to be written again from the log, before what waits. */
  #parked: Parked[] = [];
  /** True while rows are passed over: what this instance has stored of the parking covers them. */
  #isPassedOver = false;
  #createdAt: number | undefined;
  #flushing: Promise<void> | undefined;
  #stopped = false;

  constructor(
    deps: StepRunnerDeps,
    table: TableRef & { table: ProjectedTable },
    partition: number,
    shared: { parking: Parking; limit: Limit },
  ) {
    this.#deps = deps;
    this.#table = table;
    this.#partition = partition;
    this.#parking = shared.parking;
    this.#limit = shared.limit;
  }

  add(waiting: Waiting): void {
    if (this.#isPassedOver) waiting.written();
    else this.#waiting.push(waiting);
  }

  /** Takes up what another owner of the partition left parked. */
  adopt(parked: Parked): void {
    if (!this.#parked.some(({ key }) => key === parked.key)) this.#parked.push(parked);
  }

  /** Writes what waits; keeps trying while it fails. One flush at a time. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #flush(): Promise<void> {
    let pause = RETRY_MS.first;
    while ((this.#parked.length > 0 || this.#waiting.length > 0) && !this.#stopped) {
      try {
        await this.#limit.run(() => this.#writeParked());
        await this.#limit.run(() => this.#writeWaiting());
        pause = RETRY_MS.first;
      } catch (error) {
        this.#createdAt = undefined;
        const { dataset, table } = this.#table;
        this.#deps.log.warn({ dataset, table, error: String(error) }, "projection waits; it is tried again");
        if (isRefusal(error)) await this.#park(error).catch((failure) => this.#notParked(failure));
        await sleep(this.#deps.clock, pause);
        pause = Math.min(pause * 2, RETRY_MS.last);
      }
    }
  }

  async #writeWaiting(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const last = await this.#writeBatch(this.#waiting.slice(0, BATCH_ROWS));
    const count = this.#waiting.findIndex(({ offset }) => offset > last);
    const written = this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
    for (const row of written) row.written();
  }

  // Parking ---------------------------------------------------------------------------------------------------

  /** Passes over the rows from the first unwritten one on, once it is stored where that is. */
  async #park(error: WarehouseError): Promise<void> {
    await this.#parking.caughtUp();
    if (this.#stopped) return;
    const places = [...this.#parked.map(({ table }) => table), ...this.#waiting.slice(0, 1)];
    const [first, ...others] = places;
    if (first === undefined) return;
    const { offset, claim } = others.reduce<LogPlace>((a, b) => (b.offset < a.offset ? b : a), first);
    const replaced = this.#parked;
    if (replaced.length !== 1 || !replaced.every((parked) => this.#parking.isOwn(parked))) {
      const parked = {
        ...this.#table,
        offset,
        claim,
        reason: `${error.reason}: ${error.message}`.slice(0, MAX_REASON),
      };
      this.#parked = [await this.#parking.park(this.#partition, parked)];
      for (const other of replaced) await this.#parking.release(other);
    }
    this.#isPassedOver = true;
    for (const row of this.#waiting.splice(0)) row.written();
  }

  #notParked(error: unknown): void {
    this.#deps.log.warn(
      { ...this.#table, error: String(error) },
      "the table could not be parked; its rows wait",
    );
  }

  /** Writes what is parked, to the log's end as it is now. Rows that come from now on wait: nothing is left out. */
  async #writeParked(): Promise<void> {
    if (this.#parked.length === 0) return;
    await this.#incarnation();
    this.#isPassedOver = false;
    for (let [parked] = this.#parked; parked !== undefined; [parked] = this.#parked) {
      if (this.#stopped) return;
      const { rows, next, isEnd } = await readRows(
        this.#deps.bus,
        this.#partition,
        parked.table,
        this.#table,
        READ_ROWS,
      );
      await this.#writeAll(rows.map(({ offset, row }) => ({ offset, key: row.key, row: row.row })));
      if (isEnd) {
        await this.#parking.release(parked);
        this.#parked = this.#parked.filter((other) => other !== parked);
      } else {
        const advanced = await this.#parking.advance(parked, next);
        this.#parked = this.#parked.map((other) => (other === parked ? advanced : other));
      }
    }
    this.#deps.log.info(this.#table, "a parked table is written again");
  }

  async #writeAll(rows: OutRow[]): Promise<void> {
    let left = rows;
    while (left.length > 0) {
      const last = await this.#writeBatch(left.slice(0, BATCH_ROWS));
      left = left.filter(({ offset }) => offset > last);
    }
  }

  // Writing ---------------------------------------------------------------------------------------------------

  /** Writes one batch; returns the offset to which the table is written. */
  async #writeBatch(batch: OutRow[]): Promise<number> {
    const [first, last] = [batch[0], batch.at(-1)];
    if (first === undefined || last === undefined) throw new RangeError("a batch without rows");
    // The first row's key tells one incarnation of the log from another: run ids are random.
    const name = `${await this.#incarnation()}_${this.#partition}_${first.offset}_${first.key}`;
    const job = await runOnce(this.#deps.warehouse, name, (jobId) => this.#submit(jobId, batch, last.offset));
    return Number(job.labels[LAST_OFFSET] ?? first.offset);
  }

  #submit(jobId: string, batch: OutRow[], lastOffset: number): Promise<"started" | "exists"> {
    const { dataset, table } = this.#table;
    return this.#deps.warehouse.submitMerge({
      jobId,
      table: { dataset, table },
      ...SHAPES[table],
      rows: coalesce(batch),
      labels: { tenant: dataset.toLowerCase(), [LAST_OFFSET]: String(lastOffset) },
    });
  }

  /** The part of a job id that is another one once the table is made anew. */
  async #incarnation(): Promise<string> {
    if (this.#createdAt === undefined) {
      const { dataset, table } = this.#table;
      const info = await this.#deps.warehouse.getTable({ dataset, table });
      if (info === null) throw new WarehouseError("notFound", `table ${dataset}.${table} is missing`);
      this.#createdAt = info.createdAt;
    }
    return `projection_${this.#table.dataset}_${this.#table.table}_${this.#createdAt}`;
  }
}

/** True where asking again at once would not help: the table is missing, denied, or of another shape. */
function isRefusal(error: unknown): error is WarehouseError {
  return error instanceof WarehouseError && !error.transient && !error.unknown;
}

/** One row a key: later columns over earlier ones. */
function coalesce(batch: OutRow[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { key, row } of batch) rows.set(key, { ...rows.get(key), ...row });
  return [...rows.values()];
}
