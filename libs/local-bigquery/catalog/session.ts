import type {
  DuckDBConnection,
  DuckDBDataChunk,
  DuckDBMaterializedResult,
  DuckDBPreparedStatement,
  DuckDBType,
  DuckDBValue,
} from "@duckdb/node-api";

/**
 * One DuckDB connection. One statement at a time. What reads a table is never kept prepared: DuckDB plans a statement by
 * what its tables hold when it is prepared (over an empty table: finds nothing), and does not plan it anew when rows come.
 */
export class Session {
  readonly #connection: DuckDBConnection;
  readonly #kept = new Map<string, DuckDBPreparedStatement>();

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** Runs a statement with parameters, which `bind` sets. */
  async execute(
    sql: string,
    bind: (statement: DuckDBPreparedStatement) => void,
  ): Promise<DuckDBMaterializedResult> {
    const statement = await this.#connection.prepare(sql);
    try {
      bind(statement);
      return await statement.run();
    } finally {
      statement.destroySync();
    }
  }

  /** Runs a statement. Without parameters it is not prepared: DDL may be split by DuckDB, which then refuses to. */
  run(sql: string, values: DuckDBValue[] = [], types: DuckDBType[] = []): Promise<DuckDBMaterializedResult> {
    if (values.length === 0) return this.#connection.run(sql);
    return this.execute(sql, (statement) => {
      for (const [i, value] of values.entries()) statement.bindValue(i + 1, value, types[i]);
    });
  }

  /** Runs a statement that reads no table (BEGIN, COMMIT, INSERT of values): it is prepared once and kept. */
  async repeat(sql: string, values: DuckDBValue[] = []): Promise<void> {
    const kept = this.#kept.get(sql);
    const statement = kept ?? (await this.#connection.prepare(sql));
    if (!kept) this.#kept.set(sql, statement);
    for (const [i, value] of values.entries()) statement.bindValue(i + 1, value);
    await statement.run();
  }

  /** Runs a statement and gives its rows. */
  async rows(sql: string, values: DuckDBValue[] = []): Promise<DuckDBValue[][]> {
    return [...chunksOf(await this.run(sql, values))].flatMap((chunk) => chunk.getRows());
  }

  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.closeSync();
  }
}

/** A result's rows in pieces. They are in memory already: to fetch each by a thread of its own would only take time. */
export function* chunksOf(result: DuckDBMaterializedResult): Generator<DuckDBDataChunk> {
  const count = result.chunkCount;
  for (let index = 0; index < count; index++) yield result.getChunk(index);
}
