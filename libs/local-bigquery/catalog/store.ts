import type { Clock } from "@convergence/runtime/clock.ts";
import type { DuckDBInstance } from "@duckdb/node-api";
import { objectOr, parseJson } from "../json.ts";
import { Catalog } from "./catalog.ts";
import { openDatabase } from "./open.ts";
import { readDefinition } from "./routines.ts";
import { readFields } from "./schema.ts";
import { Session } from "./session.ts";
import { type StoredJob, Transaction } from "./transaction.ts";

/**
 * Sessions for reading queries: as many run at once. Each statement under way holds a thread of libuv's pool (4): with
 * the writer and the clerk that is all of them, and the clerk is always free to tell of a job and to stop it.
 */
const READERS = 2;

/** The database: one DuckDB file (or memory), one writer, several readers, and a clerk for the records of jobs. */
export class Store {
  readonly catalog = new Catalog();
  readonly #instance: DuckDBInstance;
  readonly #writer: Session;
  readonly #clerk: Session;
  readonly #idle: Session[];
  readonly #waiting: ((session: Session) => void)[] = [];
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #lastErrand: Promise<unknown> = Promise.resolve();
  #lastCreation = 0;

  private constructor(
    instance: DuckDBInstance,
    writer: Session,
    clerk: Session,
    idle: Session[],
    clock: Clock,
  ) {
    this.#instance = instance;
    this.#writer = writer;
    this.#clerk = clerk;
    this.#idle = idle;
    this.#clock = clock;
  }

  /** Opens or makes the database; null: in memory. Rejects with StoreError. */
  static async open(file: string | null, clock: Clock, memoryMb?: number): Promise<Store> {
    const instance = await openDatabase(file, memoryMb);
    const sessions: Session[] = [];
    while (sessions.length < READERS + 2) sessions.push(new Session(await instance.connect()));
    const [writer, clerk, ...idle] = sessions;
    if (!writer || !clerk) throw new Error("no connection");
    const store = new Store(instance, writer, clerk, idle, clock);
    await store.#load();
    await store.#loadRoutines();
    return store;
  }

  async #load(): Promise<void> {
    const datasets = await this.#writer.rows(
      "SELECT project, dataset, created, modified, metadata FROM bq.datasets",
    );
    for (const [project, dataset, created, modified, metadata] of datasets)
      this.catalog.putDataset({
        project: String(project),
        dataset: String(dataset),
        created: Number(created),
        modified: Number(modified),
        metadata: objectOr(parseJson(String(metadata))),
      });
    const tables = await this.#writer.rows(
      'SELECT project, dataset, "table", created, modified, fields, metadata FROM bq.tables',
    );
    for (const [project, dataset, table, created, modified, fields, metadata] of tables) {
      this.#lastCreation = Math.max(this.#lastCreation, Number(created));
      this.catalog.putTable({
        name: { project: String(project), dataset: String(dataset), table: String(table) },
        created: Number(created),
        modified: Number(modified),
        fields: readFields(parseJson(String(fields))),
        metadata: objectOr(parseJson(String(metadata))),
      });
    }
  }

  async #loadRoutines(): Promise<void> {
    const rows = await this.#writer.rows(
      "SELECT project, dataset, routine, created, modified, sql FROM bq.routines",
    );
    for (const [project, dataset, routine, created, modified, sql] of rows) {
      const name = { project: String(project), dataset: String(dataset), routine: String(routine) };
      const times = { created: Number(created), modified: Number(modified) };
      const definition = readDefinition(String(sql));
      this.catalog.putRoutine({ name, sql: String(sql), definition, ...times });
    }
  }

  /** The time, Unix milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /** A creation time: strictly increasing, so that a table made again can be told from the one before it. */
  creationTime(): number {
    this.#lastCreation = Math.max(this.#lastCreation + 1, this.now());
    return this.#lastCreation;
  }

  /** Runs one write at a time, each in a transaction: all of it is committed, or nothing. */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#transact(work));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Stops what the writer is doing now. */
  interruptWriter(): void {
    this.#writer.interrupt();
  }

  async #transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const transaction = new Transaction(this.#writer, this.catalog);
    await this.#writer.repeat("BEGIN TRANSACTION");
    let result: T;
    try {
      result = await work(transaction);
      await this.#writer.repeat("COMMIT");
    } catch (error) {
      await this.#writer.run("ROLLBACK").catch(() => undefined);
      throw error;
    }
    for (const change of transaction.changes) change(this.catalog);
    return result;
  }

  /** Runs a reading statement on a free session. */
  async read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#idle.pop() ?? (await new Promise<Session>((free) => this.#waiting.push(free)));
    try {
      return await work(session);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(session);
      else this.#idle.push(session);
    }
  }

  /** Reads and notes what jobs there are, one errand at a time, whatever the writer and the readers are at. */
  #errand<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const result = this.#lastErrand.then(() => work(this.#clerk));
    this.#lastErrand = result.catch(() => undefined);
    return result;
  }

  /** Notes a job that is under way, so that a restart knows of it. */
  async noteOpenJob({ id, created, record }: StoredJob): Promise<void> {
    const sql = "INSERT INTO bq.open_jobs VALUES ($1, $2, $3)";
    await this.#errand((s) => s.run(sql, [id, BigInt(created), record]));
  }

  /** Takes the note of a job away that is done and stored. */
  async forgetOpenJob(id: string): Promise<void> {
    await this.#errand((s) => s.run("DELETE FROM bq.open_jobs WHERE id = $1", [id]));
  }

  /** A job's record as it was stored, or undefined. */
  async findJob(id: string): Promise<string | undefined> {
    const [row] = await this.#errand((s) => s.rows("SELECT record FROM bq.jobs WHERE id = $1", [id]));
    return row === undefined ? undefined : String(row[0]);
  }

  /**
   * Stored job records of a project, newest first. `prefix` is the project's part of the ids; `span` the first and the
   * last time of creation, Unix milliseconds.
   */
  async listJobs(
    prefix: string,
    span: [from: number, to: number],
    limit: number,
    offset: number,
  ): Promise<string[]> {
    const sql =
      "SELECT record FROM bq.jobs WHERE starts_with(id, $1) AND created BETWEEN $4 AND $5 ORDER BY created DESC, id LIMIT $2 OFFSET $3";
    const [from, to] = span;
    const rows = await this.#errand((s) => s.rows(sql, [prefix, limit, offset, BigInt(from), BigInt(to)]));
    return rows.map((row) => String(row[0]));
  }

  /** Waits for the write under way and closes the file. */
  async close(): Promise<void> {
    await this.#last;
    await this.#lastErrand;
    await this.#writer.run("CHECKPOINT").catch(() => undefined);
    for (const session of [...this.#idle, this.#clerk, this.#writer]) session.close();
    this.#instance.closeSync();
  }
}
