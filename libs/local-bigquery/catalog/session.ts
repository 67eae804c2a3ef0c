import type {
  DuckDBConnection,
  DuckDBMaterializedResult,
  DuckDBPreparedStatement,
  DuckDBType,
  DuckDBValue,
} from "@duckdb/node-api";

/**
 * One DuckDB connection. One statement at a time. Nothing is kept prepared: DuckDB plans a statement by what its tables
 * hold when it is prepared (over an empty table: finds nothing), and does not plan it anew when rows come.
 */
export class Session {
  readonly #connection: DuckDBConnection;

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** Runs a statement; `bind` sets its parameters. */
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

  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.closeSync();
  }
}
