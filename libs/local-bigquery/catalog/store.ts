import type { Clock } from "@convergence/runtime/clock.ts";
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBMaterializedResult,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBValue,
  VARCHAR,
} from "@duckdb/node-api";
import { objectOr, parseJson } from "../json.ts";
import { canonicalJson } from "../sql/jsontext.ts";
import { macroStatements } from "../sql/macros.ts";
import { Catalog, type Dataset, type Table } from "./catalog.ts";
import { readFields } from "./schema.ts";

/** The layout of the database file. A file of a higher number is refused. */
const FORMAT = 1;

/** Connections for reading queries: as many run at once. */
const READERS = 4;

const LAYOUT = [
  "CREATE SCHEMA IF NOT EXISTS bq",
  "CREATE TABLE IF NOT EXISTS bq.store (format INTEGER)",
  "CREATE TABLE IF NOT EXISTS bq.datasets (project VARCHAR, dataset VARCHAR, created BIGINT, modified BIGINT, metadata VARCHAR)",
  `CREATE TABLE IF NOT EXISTS bq.tables (project VARCHAR, dataset VARCHAR, "table" VARCHAR, created BIGINT, modified BIGINT,
    fields VARCHAR, metadata VARCHAR)`,
  "CREATE TABLE IF NOT EXISTS bq.jobs (id VARCHAR PRIMARY KEY, created BIGINT, open BOOLEAN, record VARCHAR)",
];

/** A change of the catalog, applied in memory once its transaction is committed. */
export type CatalogChange = (catalog: Catalog) => void;

/** A job's record as a row. `open`: not done yet. */
export interface StoredJob {
  id: string;
  created: number;
  open: boolean;
  record: string;
}

/** One transaction of the only writer. */
export interface Transaction {
  run(sql: string, values?: DuckDBValue[], types?: DuckDBType[]): Promise<DuckDBMaterializedResult>;
  readonly connection: DuckDBConnection;
  /** The catalog with this transaction's own changes. */
  readonly catalog: Catalog;
  putDataset(dataset: Dataset): Promise<void>;
  removeDataset(project: string, dataset: string): Promise<void>;
  putTable(table: Table): Promise<void>;
  removeTable(table: Table): Promise<void>;
  putJob(job: StoredJob): Promise<void>;
}

/** Raised where the file cannot be opened, with one line that says why. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** The database: one DuckDB file (or memory), one writer, several readers. */
export class Store {
  readonly catalog: Catalog;
  readonly #instance: DuckDBInstance;
  readonly #writer: DuckDBConnection;
  readonly #idle: DuckDBConnection[];
  readonly #waiting: ((connection: DuckDBConnection) => void)[] = [];
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #lastCreation = 0;

  private constructor(
    instance: DuckDBInstance,
    writer: DuckDBConnection,
    idle: DuckDBConnection[],
    clock: Clock,
  ) {
    this.#instance = instance;
    this.#writer = writer;
    this.#idle = idle;
    this.#clock = clock;
    this.catalog = new Catalog();
  }

  /** Opens or makes the database; null: in memory. Rejects with StoreError. */
  static async open(file: string | null, clock: Clock): Promise<Store> {
    const instance = await openInstance(file);
    try {
      const writer = await instance.connect();
      await prepare(writer, file);
      const idle = await Promise.all(Array.from({ length: READERS }, () => instance.connect()));
      const store = new Store(instance, writer, idle, clock);
      await store.#load();
      return store;
    } catch (error) {
      instance.closeSync();
      throw error;
    }
  }

  async #load(): Promise<void> {
    const datasets = await this.#writer.runAndReadAll(
      "SELECT project, dataset, created, modified, metadata FROM bq.datasets",
    );
    for (const [project, dataset, created, modified, metadata] of datasets.getRowsJS())
      this.catalog.putDataset({
        project: String(project),
        dataset: String(dataset),
        created: Number(created),
        modified: Number(modified),
        metadata: objectOr(parseJson(String(metadata))),
      });
    const tables = await this.#writer.runAndReadAll(
      'SELECT project, dataset, "table", created, modified, fields, metadata FROM bq.tables',
    );
    for (const [project, dataset, table, created, modified, fields, metadata] of tables.getRowsJS()) {
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
    const changes: CatalogChange[] = [];
    await this.#writer.run("BEGIN TRANSACTION");
    let result: T;
    try {
      result = await work(makeTransaction(this.#writer, this.catalog, changes));
      await this.#writer.run("COMMIT");
    } catch (error) {
      await this.#writer.run("ROLLBACK").catch(() => undefined);
      throw error;
    }
    for (const change of changes) change(this.catalog);
    return result;
  }

  /** Runs a reading statement on a free connection; `started` is given a way to stop it. */
  async read<T>(
    work: (connection: DuckDBConnection) => Promise<T>,
    started?: (interrupt: () => void) => void,
  ): Promise<T> {
    const connection =
      this.#idle.pop() ?? (await new Promise<DuckDBConnection>((free) => this.#waiting.push(free)));
    try {
      started?.(() => connection.interrupt());
      return await work(connection);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(connection);
      else this.#idle.push(connection);
    }
  }

  /** A job's record as it was stored, or undefined. */
  async findJob(id: string): Promise<string | undefined> {
    return this.read(async (connection) => {
      const found = await connection.runAndReadAll("SELECT record FROM bq.jobs WHERE id = $1", [id]);
      const record = found.getRowsJS()[0]?.[0];
      return typeof record === "string" ? record : undefined;
    });
  }

  /** Stored job records of a project, newest first. `prefix` is the project's part of the ids. */
  async listJobs(prefix: string, limit: number, offset: number): Promise<string[]> {
    return this.read(async (connection) => {
      const found = await connection.runAndReadAll(
        "SELECT record FROM bq.jobs WHERE starts_with(id, $1) ORDER BY created DESC, id LIMIT $2 OFFSET $3",
        [prefix, limit, offset],
      );
      return found.getRowsJS().map((row) => String(row[0]));
    });
  }

  /** Waits for the write under way and closes the file. */
  async close(): Promise<void> {
    await this.#last;
    await this.#writer.run("CHECKPOINT").catch(() => undefined);
    for (const connection of this.#idle) connection.closeSync();
    this.#writer.closeSync();
    this.#instance.closeSync();
  }
}

async function openInstance(file: string | null): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(file ?? ":memory:", { threads: "2", max_memory: "2GB" });
  } catch (error) {
    const text = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    const locked = /lock/i.test(text);
    throw new StoreError(
      locked
        ? `local BigQuery: ${file} is in use by another process; stop it or choose another file`
        : `local BigQuery: cannot open ${file}: ${text}`,
    );
  }
}

async function prepare(writer: DuckDBConnection, file: string | null): Promise<void> {
  const tables = await writer.runAndReadAll(
    "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'bq' AND table_name = 'store'",
  );
  if (tables.currentRowCount > 0) {
    const format = (await writer.runAndReadAll("SELECT max(format) FROM bq.store")).getRowsJS()[0]?.[0];
    if (Number(format) > FORMAT)
      throw new StoreError(
        `local BigQuery: ${file} has store format ${format}, this version reads up to ${FORMAT}; use a newer version`,
      );
  }
  for (const statement of LAYOUT) await writer.run(statement);
  await writer.run(`INSERT INTO bq.store SELECT ${FORMAT} WHERE NOT EXISTS (SELECT 1 FROM bq.store)`);
  registerFunctions(writer);
  for (const statement of macroStatements()) await writer.run(statement);
  await writer.run("SET GLOBAL TimeZone = 'UTC'");
  await writer.run("SET GLOBAL enable_external_access = false");
  await writer.run("SET GLOBAL lock_configuration = true");
}

/** bq_canonical_json(text): JSON text in the service's form. In JavaScript, since DuckDB sorts no keys. */
function registerFunctions(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: "bq_canonical_json",
      parameterTypes: [VARCHAR],
      returnType: VARCHAR,
      mainFunction: (_info, input: DuckDBDataChunk, output) => {
        const texts = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row++) {
          const text = texts.getItem(row);
          output.setItem(row, typeof text === "string" ? (canonicalJson(text) ?? null) : null);
        }
        output.flush();
      },
    }),
  );
}

/** A catalog that a transaction may change before it is known to be committed. */
function copyOf(catalog: Catalog): Catalog {
  const copy = new Catalog();
  for (const [key, dataset] of catalog.datasets) copy.datasets.set(key, dataset);
  for (const [key, table] of catalog.tables) copy.tables.set(key, table);
  copy.version = catalog.version;
  return copy;
}

function makeTransaction(
  writer: DuckDBConnection,
  committed: Catalog,
  changes: CatalogChange[],
): Transaction {
  let own: Catalog | undefined;
  const apply = (change: CatalogChange): void => {
    own ??= copyOf(committed);
    change(own);
    changes.push(change);
  };
  const forget = async ({ name }: Table): Promise<void> => {
    await writer.run('DELETE FROM bq.tables WHERE project = $1 AND dataset = $2 AND "table" = $3', [
      name.project,
      name.dataset,
      name.table,
    ]);
  };
  const forgetDataset = (project: string, dataset: string): Promise<unknown> =>
    writer.run("DELETE FROM bq.datasets WHERE project = $1 AND dataset = $2", [project, dataset]);
  return {
    get catalog() {
      return own ?? committed;
    },
    connection: writer,
    run: (sql, values, types) => writer.run(sql, values, types),
    async putDataset(d) {
      await forgetDataset(d.project, d.dataset);
      await writer.run("INSERT INTO bq.datasets VALUES ($1, $2, $3, $4, $5)", [
        d.project,
        d.dataset,
        BigInt(d.created),
        BigInt(d.modified),
        JSON.stringify(d.metadata),
      ]);
      apply((c) => c.putDataset(d));
    },
    async removeDataset(project, dataset) {
      await forgetDataset(project, dataset);
      apply((c) => c.removeDataset(project, dataset));
    },
    async putTable(table) {
      await forget(table);
      await writer.run("INSERT INTO bq.tables VALUES ($1, $2, $3, $4, $5, $6, $7)", [
        table.name.project,
        table.name.dataset,
        table.name.table,
        BigInt(table.created),
        BigInt(table.modified),
        JSON.stringify(table.fields),
        JSON.stringify(table.metadata),
      ]);
      apply((c) => c.putTable(table));
    },
    async removeTable(table) {
      await forget(table);
      apply((c) => c.removeTable(table.name));
    },
    async putJob({ id, created, open, record }) {
      await writer.run("INSERT OR REPLACE INTO bq.jobs VALUES ($1, $2, $3, $4)", [
        id,
        BigInt(created),
        open,
        record,
      ]);
    },
  };
}
