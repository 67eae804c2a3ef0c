/** Reads a Parquet file by a DuckDB of its own, which reaches that one file and nothing else: SQL of jobs reaches none. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  DuckDBInstance,
  DuckDBListType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from "@duckdb/node-api";
import type { Field } from "../catalog/schema.ts";
import { invalid, notImplemented } from "../errors.ts";
import { ident, quote } from "../sql/expr.ts";

/** What a Parquet file holds: its columns, and its rows as newline-delimited JSON. */
export interface ParquetData {
  fields: Field[];
  lines: Buffer;
}

/** Throws BigQueryError where it is no Parquet, or holds a type that is not read. */
export async function readParquet(data: Buffer): Promise<ParquetData> {
  const folder = await mkdtemp(path.join(tmpdir(), "bigquery-parquet-"));
  const file = path.join(folder, "data.parquet");
  const instance = await DuckDBInstance.create(":memory:", { threads: "1", max_memory: "1GB" });
  const connection = await instance.connect();
  try {
    await writeFile(file, data, { mode: 0o600 });
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(`SET allowed_paths = [${quote(file)}]`);
    await connection.run("SET enable_external_access = false");
    await connection.run("SET lock_configuration = true");
    const from = `read_parquet(${quote(file)})`;
    const head = await connection.runAndReadAll(`SELECT * FROM ${from} LIMIT 0`);
    const columns = head.columnNames().map((name, i) => ({ name, type: head.columnType(i) }));
    const fields = columns.map(({ name, type }) => fieldOf(name, type));
    const row = structOf(columns.map(({ name, type }) => [name, jsonValue(`t.${ident(name)}`, type, 0)]));
    const read = await connection.runAndReadAll(`SELECT CAST(to_json(${row}) AS VARCHAR) FROM ${from} AS t`);
    const lines = read.getRowsJS().map(([line]) => String(line));
    return { fields, lines: Buffer.from(lines.join("\n")) };
  } catch (error) {
    if (!(error instanceof Error) || error.name === "BigQueryError") throw error;
    const why = (error.message.split("\n")[0] ?? "").replaceAll(file, "the file");
    throw invalid(`Error while reading data, error message: Failed to read Parquet: ${why}`);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

const TYPES: ReadonlyMap<DuckDBTypeId, string> = new Map<DuckDBTypeId, string>([
  [DuckDBTypeId.BOOLEAN, "BOOLEAN"],
  ...[DuckDBTypeId.TINYINT, DuckDBTypeId.SMALLINT, DuckDBTypeId.INTEGER, DuckDBTypeId.BIGINT].map(integer),
  ...[DuckDBTypeId.UTINYINT, DuckDBTypeId.USMALLINT, DuckDBTypeId.UINTEGER].map(integer),
  [DuckDBTypeId.FLOAT, "FLOAT"],
  [DuckDBTypeId.DOUBLE, "FLOAT"],
  [DuckDBTypeId.DECIMAL, "NUMERIC"],
  [DuckDBTypeId.VARCHAR, "STRING"],
  [DuckDBTypeId.BLOB, "BYTES"],
  [DuckDBTypeId.DATE, "DATE"],
  [DuckDBTypeId.TIME, "TIME"],
  [DuckDBTypeId.TIMESTAMP, "TIMESTAMP"],
  [DuckDBTypeId.TIMESTAMP_TZ, "TIMESTAMP"],
]);

function integer(id: DuckDBTypeId): [DuckDBTypeId, string] {
  return [id, "INTEGER"];
}

/** A list is REPEATED, as BigQuery's list inference has it. */
function fieldOf(name: string, type: DuckDBType): Field {
  if (type instanceof DuckDBListType) {
    if (type.valueType instanceof DuckDBListType)
      throw notImplemented(`a list of lists in Parquet (${name})`);
    return { ...fieldOf(name, type.valueType), mode: "REPEATED" };
  }
  if (type instanceof DuckDBStructType) {
    const fields = type.entryNames.map((entry, i) => fieldOf(entry, entryType(type, i)));
    return { name, type: "RECORD", mode: "NULLABLE", fields };
  }
  const known = TYPES.get(type.typeId);
  if (known === undefined) throw notImplemented(`the Parquet type ${String(type)} (${name})`);
  return { name, type: known, mode: "NULLABLE" };
}

/** A value as SQL that gives what JSON holds of it exactly: every scalar as text. */
function jsonValue(sql: string, type: DuckDBType, depth: number): string {
  if (type instanceof DuckDBListType) {
    const item = `x${depth}`;
    return `list_transform(${sql}, lambda ${item}: ${jsonValue(item, type.valueType, depth + 1)})`;
  }
  if (type instanceof DuckDBStructType) {
    const entries = type.entryNames.map((entry, i): [string, string] => [
      entry,
      jsonValue(`${sql}.${ident(entry)}`, entryType(type, i), depth + 1),
    ]);
    return `CASE WHEN ${sql} IS NULL THEN NULL ELSE ${structOf(entries)} END`;
  }
  return type.typeId === DuckDBTypeId.BLOB ? `to_base64(${sql})` : `CAST(${sql} AS VARCHAR)`;
}

function structOf(entries: [name: string, sql: string][]): string {
  return `struct_pack(${entries.map(([name, sql]) => `${ident(name)} := ${sql}`).join(", ")})`;
}

function entryType(type: DuckDBStructType, index: number): DuckDBType {
  const found = type.entryTypes[index];
  if (found === undefined) throw new TypeError("a struct has as many types as names");
  return found;
}
