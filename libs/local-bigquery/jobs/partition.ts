import type { Table } from "../catalog/catalog.ts";
import { duckTable, legacyName } from "../catalog/names.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { duplicate, invalid, notImplemented } from "../errors.ts";
import { isObject } from "../json.ts";
import { ident } from "../sql/expr.ts";
import type { Destination } from "./destination.ts";

const FORMATS: Record<string, { digits: RegExp; iso: (p: string) => string }> = {
  YEAR: { digits: /^\d{4}$/, iso: (p) => `${p}-01-01` },
  MONTH: { digits: /^\d{6}$/, iso: (p) => `${p.slice(0, 4)}-${p.slice(4)}-01` },
  DAY: { digits: /^\d{8}$/, iso: (p) => `${p.slice(0, 4)}-${p.slice(4, 6)}-${p.slice(6)}` },
  HOUR: {
    digits: /^\d{10}$/,
    iso: (p) => `${p.slice(0, 4)}-${p.slice(4, 6)}-${p.slice(6, 8)} ${p.slice(8)}:00:00`,
  },
};

/** The condition that a row of the table lies in the partition ("20260101"), in DuckDB SQL over `alias`. */
function inPartition(table: Table, partition: string, alias: string): string {
  const { timePartitioning } = table.metadata;
  if (!isObject(timePartitioning)) throw invalid(`Table ${legacyName(table.name)} is not partitioned`);
  if (timePartitioning.field === undefined) throw notImplemented("a partition of ingestion time");
  const type = String(timePartitioning.type);
  const format = FORMATS[type];
  if (!format?.digits.test(partition))
    throw invalid(`Invalid partition ${partition}: the table is partitioned by ${type}`);
  const name = String(timePartitioning.field).toLowerCase();
  const field = table.fields.find((f) => f.name.toLowerCase() === name);
  if (!field) throw invalid("The field specified for partitioning cannot be found in the schema.");
  const start = new Date(`${format.iso(partition).replace(" ", "T")}${type === "HOUR" ? "Z" : ""}`);
  if (Number.isNaN(start.getTime())) throw invalid(`Invalid partition ${partition}`);
  return `date_trunc('${type.toLowerCase()}', ${alias}.${ident(field.name)}) IS NOT DISTINCT FROM CAST('${format.iso(partition)}' AS TIMESTAMP)`;
}

/**
 * Moves staged rows (a query's SQL, columns in the table's names) into one partition, as the disposition says. All of
 * them must belong to it. Returns how many.
 */
export async function writePartition(
  transaction: Transaction,
  table: Table,
  { write }: Destination,
  partition: string,
  staged: { columns: string; from: string },
): Promise<number> {
  const duck = duckTable(table.name);
  const { session } = transaction;
  const others = await session.run(
    `SELECT 1 FROM ${staged.from} AS r WHERE NOT (${inPartition(table, partition, "r")}) LIMIT 1`,
  );
  if (others.rowCount > 0)
    throw invalid(`Some rows belong to different partitions rather than destination partition ${partition}`);
  const own = inPartition(table, partition, "t");
  if (
    write === "WRITE_EMPTY" &&
    (await session.run(`SELECT 1 FROM ${duck} AS t WHERE ${own} LIMIT 1`)).rowCount > 0
  )
    throw duplicate(`Table ${legacyName(table.name)}$${partition}`);
  if (write === "WRITE_TRUNCATE") await session.run(`DELETE FROM ${duck} AS t WHERE ${own}`);
  const moved = await session.run(
    `INSERT INTO ${duck} (${staged.columns}) SELECT ${staged.columns} FROM ${staged.from}`,
  );
  return moved.rowsChanged;
}
