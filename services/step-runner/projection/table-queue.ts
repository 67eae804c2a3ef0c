import { sleep } from "@convergence/runtime/clock.ts";
import { type TableRef, WarehouseError } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import type { StepRunnerDeps } from "../deps.ts";
import { type ProjectedTable, type Row, SHAPES } from "./rows.ts";

/** At most so many rows in one batch. */
const BATCH_ROWS = 2_000;
/** Before a table that could not be written is tried again, in milliseconds: doubled each time, up to the last. */
const RETRY_MS = { first: 500, last: 60_000 };
/** The label that tells how far a batch reached. */
const LAST_OFFSET = "last_offset";

/** A row that waits to be written. */
export interface Waiting {
  offset: number;
  key: string;
  row: Row;
  /** Called when the row is written. */
  written(): void;
}

/**
 * One table's rows of one log partition, written in order and in batches. A batch's job bears an id made of the
 * table's incarnation, the partition and the offset of the batch's first row, and a label that tells its last: who
 * finds the id taken waits for that job, and goes on behind its label, whatever its own batch would have held.
 */
export class TableQueue {
  readonly #deps: StepRunnerDeps;
  readonly #table: TableRef & { table: ProjectedTable };
  readonly #partition: number;
  #waiting: Waiting[] = [];
  #createdAt: number | undefined;
  #flushing: Promise<void> | undefined;
  #stopped = false;

  constructor(deps: StepRunnerDeps, table: TableRef & { table: ProjectedTable }, partition: number) {
    this.#deps = deps;
    this.#table = table;
    this.#partition = partition;
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
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
    while (this.#waiting.length > 0 && !this.#stopped) {
      try {
        await this.#writeBatch();
        pause = RETRY_MS.first;
      } catch (error) {
        this.#createdAt = undefined;
        const { dataset, table } = this.#table;
        this.#deps.log.warn({ dataset, table, error: String(error) }, "projection waits; it is tried again");
        await sleep(this.#deps.clock, pause);
        pause = Math.min(pause * 2, RETRY_MS.last);
      }
    }
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#waiting.slice(0, BATCH_ROWS);
    const first = batch[0];
    const last = batch.at(-1);
    if (first === undefined || last === undefined) return;
    const name = `${await this.#incarnation()}_${this.#partition}_${first.offset}`;
    const job = await runOnce(this.#deps.warehouse, name, (jobId) => this.#submit(jobId, batch, last.offset));
    this.#writtenTo(Number(job.labels[LAST_OFFSET] ?? first.offset));
  }

  #submit(jobId: string, batch: Waiting[], lastOffset: number): Promise<"started" | "exists"> {
    const { dataset, table } = this.#table;
    return this.#deps.warehouse.submitMerge({
      jobId,
      table: { dataset, table },
      ...SHAPES[table],
      rows: coalesce(batch),
      labels: { tenant: dataset.toLowerCase(), [LAST_OFFSET]: String(lastOffset) },
    });
  }

  #writtenTo(offset: number): void {
    const count = this.#waiting.findIndex((waiting) => waiting.offset > offset);
    const written = this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
    for (const waiting of written) waiting.written();
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

/** One row a key: later columns over earlier ones. */
function coalesce(batch: Waiting[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { key, row } of batch) rows.set(key, { ...rows.get(key), ...row });
  return [...rows.values()];
}
