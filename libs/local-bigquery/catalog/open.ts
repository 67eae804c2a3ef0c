import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { macroStatements } from "../sql/macros.ts";
import { Sandbox } from "./sandbox.ts";
import { registerScalars } from "./scalars.ts";

/** The layout of the database file. A file of a higher number is refused. */
const FORMAT = 1;

const LAYOUT = [
  "CREATE SCHEMA IF NOT EXISTS bq",
  "CREATE TABLE IF NOT EXISTS bq.store (format INTEGER)",
  "CREATE TABLE IF NOT EXISTS bq.datasets (project VARCHAR, dataset VARCHAR, created BIGINT, modified BIGINT, metadata VARCHAR)",
  `CREATE TABLE IF NOT EXISTS bq.tables (project VARCHAR, dataset VARCHAR, "table" VARCHAR, created BIGINT, modified BIGINT,
    fields VARCHAR, metadata VARCHAR)`,
  `CREATE TABLE IF NOT EXISTS bq.routines (project VARCHAR, dataset VARCHAR, routine VARCHAR, created BIGINT,
    modified BIGINT, sql VARCHAR)`,
  "CREATE TABLE IF NOT EXISTS bq.open_jobs (id VARCHAR, created BIGINT, record VARCHAR)",
  "CREATE TABLE IF NOT EXISTS bq.jobs (id VARCHAR PRIMARY KEY, created BIGINT, open BOOLEAN, record VARCHAR)",
];

/** What SQL must not reach (files, network) and must not change; UTC. */
const SETTINGS = [
  "SET GLOBAL TimeZone = 'UTC'",
  "SET GLOBAL enable_external_access = false",
  "SET GLOBAL lock_configuration = true",
];

/** What DuckDB may use, MB. */
const USUAL_MEMORY = 2_048;

/** Raised where the file cannot be opened, with one line that says why. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** Opens the file (null: memory) and brings it to this version's layout. Rejects with StoreError. */
export async function openDatabase(file: string | null, memoryMb = USUAL_MEMORY): Promise<DuckDBInstance> {
  const instance = await openInstance(file, memoryMb);
  try {
    const connection = await instance.connect();
    await prepare(connection, file);
    connection.closeSync();
    return instance;
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

async function openInstance(file: string | null, memoryMb: number): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(file ?? ":memory:", { threads: "2", max_memory: `${memoryMb}MB` });
  } catch (error) {
    const text = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw new StoreError(
      /lock/i.test(text)
        ? `local BigQuery: ${file} is in use by another process; stop it or choose another file`
        : `local BigQuery: cannot open ${file}: ${text}`,
    );
  }
}

async function prepare(connection: DuckDBConnection, file: string | null): Promise<void> {
  const known = await connection.runAndReadAll(
    "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'bq' AND table_name = 'store'",
  );
  if (known.currentRowCount > 0) {
    const format = (await connection.runAndReadAll("SELECT max(format) FROM bq.store")).getRowsJS()[0]?.[0];
    if (Number(format) > FORMAT)
      throw new StoreError(
        `local BigQuery: ${file} has store format ${format}, this version reads up to ${FORMAT}; use a newer version`,
      );
  }
  for (const statement of LAYOUT) await connection.run(statement);
  await connection.run(`INSERT INTO bq.store SELECT ${FORMAT} WHERE NOT EXISTS (SELECT 1 FROM bq.store)`);
  registerScalars(connection, await Sandbox.load());
  for (const statement of macroStatements()) await connection.run(statement);
  for (const statement of SETTINGS) await connection.run(statement);
}
