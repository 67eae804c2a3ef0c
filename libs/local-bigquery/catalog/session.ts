import type {
  DuckDBConnection,
  DuckDBMaterializedResult,
  DuckDBPreparedStatement,
  DuckDBType,
  DuckDBValue,
} from "@duckdb/node-api";

/** Statements that a connection keeps prepared, and the longest one worth it (characters). */
const KEPT = 100;
const LONGEST_KEPT = 20_000;

/** One DuckDB connection, with the statements that it ran last kept prepared. One statement at a time. */
export class Session {
  readonly #connection: DuckDBConnection;
  readonly #prepared = new Map<string, DuckDBPreparedStatement>();

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** Runs a statement; `bind` sets its parameters. */
  async execute(
    sql: string,
    bind: (statement: DuckDBPreparedStatement) => void,
  ): Promise<DuckDBMaterializedResult> {
    const kept = this.#prepared.get(sql);
    const statement = kept ?? (await this.#connection.prepare(sql));
    if (sql.length > LONGEST_KEPT) return runOnce(statement, bind);
    if (!kept) this.#keep(sql, statement);
    bind(statement);
    return statement.run();
  }

  run(sql: string, values: DuckDBValue[] = [], types: DuckDBType[] = []): Promise<DuckDBMaterializedResult> {
    return this.execute(sql, (statement) => {
      for (const [i, value] of values.entries()) statement.bindValue(i + 1, value, types[i]);
    });
  }

  /** Runs DDL, which DuckDB may split into several statements and then refuses to prepare. */
  async define(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  /** Runs a statement and gives its rows. */
  async rows(sql: string, values: DuckDBValue[] = []): Promise<DuckDBValue[][]> {
    return (await this.run(sql, values)).getRows();
  }

  #keep(sql: string, statement: DuckDBPreparedStatement): void {
    this.#prepared.set(sql, statement);
    if (this.#prepared.size <= KEPT) return;
    const oldest = this.#prepared.entries().next().value;
    if (!oldest) return;
    this.#prepared.delete(oldest[0]);
    oldest[1].destroySync();
  }

  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    for (const statement of this.#prepared.values()) statement.destroySync();
    this.#prepared.clear();
    this.#connection.closeSync();
  }
}

async function runOnce(
  statement: DuckDBPreparedStatement,
  bind: (statement: DuckDBPreparedStatement) => void,
): Promise<DuckDBMaterializedResult> {
  try {
    bind(statement);
    return await statement.run();
  } finally {
    statement.destroySync();
  }
}
