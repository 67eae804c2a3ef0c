import { checkWritable, type Table } from "../catalog/catalog.ts";
import { duckTable, legacyName, type TableName } from "../catalog/names.ts";
import { type Field, fieldOfType, typeOfField } from "../catalog/schema.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { duplicate, invalid, notFound } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { TableView } from "../sql/analysis.ts";
import { forColumn } from "../sql/coerce.ts";
import { ident } from "../sql/expr.ts";
import type { SelectStatement } from "../sql/statement.ts";
import { duckType, sameType } from "../sql/types.ts";
import { writePartition } from "./partition.ts";
import { runLowered, type Values } from "./running.ts";
import { createTable, dropTable } from "./tables.ts";

export interface Destination {
  name: TableName;
  /** A day, month, hour or year of a partitioned table (table$20260101), or undefined for the whole table. */
  partition: string | undefined;
  create: "CREATE_IF_NEEDED" | "CREATE_NEVER";
  write: "WRITE_EMPTY" | "WRITE_APPEND" | "WRITE_TRUNCATE";
  /** timePartitioning and clustering of a table that is made. */
  metadata: JsonObject;
}

/** A lowered query that is to be written to a table. */
export interface Written {
  statement: SelectStatement;
  referenced: TableView[];
  values: Values;
}

/** Writes a query's rows to a table. Returns how many this job wrote. */
export async function writeDestination(
  transaction: Transaction,
  destination: Destination,
  written: Written,
  now: () => number,
): Promise<number> {
  const { statement } = written;
  const fields = fieldsOf(statement);
  if (destination.partition !== undefined) return fillPartition(transaction, destination, written, now);
  const replaces = transaction.catalog.findTable(destination.name) && destination.write === "WRITE_TRUNCATE";
  const staged = replaces ? await stage(transaction, destination.name, written) : undefined;
  const table = await readyTable(transaction, destination, fields, now);
  if (staged === undefined) return fill(transaction, table, written);
  return unstage(transaction, table, staged);
}

/** table$20260101: the table is made if need be, and only that partition of it is written. */
async function fillPartition(
  transaction: Transaction,
  destination: Destination,
  written: Written,
  now: () => number,
): Promise<number> {
  const fields = fieldsOf(written.statement);
  const table = await readyTable(transaction, { ...destination, write: "WRITE_APPEND" }, fields, now);
  return writeStaged(transaction, destination, table, async (stage) => {
    await runLowered(transaction.session, insertSql(table, written.statement, stage), written.values);
  });
}

/** Has rows put aside, in a table with this one's columns, and moves them to the destination's partition. */
export async function writeStaged(
  transaction: Transaction,
  destination: Destination,
  table: Table,
  fill: (stage: string) => Promise<void>,
): Promise<number> {
  const columns = table.fields.map((f) => ident(f.name)).join(", ");
  const types = table.fields.map((f) => `${ident(f.name)} ${duckType(typeOfField(f))}`).join(", ");
  await transaction.session.run(`CREATE TABLE ${STAGE} (${types})`);
  await fill(STAGE);
  const staged = { columns, from: STAGE };
  const rows = await writePartition(transaction, table, destination, destination.partition ?? "", staged);
  await transaction.session.run(`DROP TABLE ${STAGE}`);
  return rows;
}

export function fieldsOf({ query, names }: SelectStatement): Field[] {
  return query.columns.map((c, i) => fieldOfType(names[i] ?? "", c.type));
}

/** Inserts a query's rows into a table that has its columns. */
export async function fill(
  transaction: Transaction,
  table: Table,
  { statement, values }: Written,
): Promise<number> {
  const inserted = await runLowered(transaction.session, insertSql(table, statement), values);
  return inserted.rowsChanged;
}

const STAGE = "bq.staged";

/** Where a query reads the table that its rows replace, they are put aside first; undefined where it does not. */
export async function stage(
  transaction: Transaction,
  name: TableName,
  written: Written,
): Promise<string | undefined> {
  if (!written.referenced.some((t) => t.duck === duckTable(name))) return undefined;
  const { columns } = written.statement.query;
  await transaction.session.run(
    `CREATE TABLE ${STAGE} (${columns.map((c) => `${c.sql} ${duckType(c.type)}`).join(", ")})`,
  );
  const values = columns.map((c) =>
    forColumn({ sql: `r.${c.sql}`, type: c.type }, c.type, c.name ?? "", () => ""),
  );
  const sql = `INSERT INTO ${STAGE} SELECT ${values.join(", ")} FROM (${written.statement.query.sql}) AS r`;
  await runLowered(transaction.session, sql, written.values);
  return `SELECT ${columns.map((c) => c.sql).join(", ")} FROM ${STAGE}`;
}

/** Moves staged rows to the new table. */
export async function unstage(transaction: Transaction, table: Table, staged: string): Promise<number> {
  const moved = await transaction.session.run(`INSERT INTO ${duckTable(table.name)} ${staged}`);
  await transaction.session.run(`DROP TABLE ${STAGE}`);
  return moved.rowsChanged;
}

/** The table to insert into, emptied, made or checked as the dispositions say. */
export async function readyTable(
  transaction: Transaction,
  destination: Destination,
  fields: Field[],
  now: () => number,
): Promise<Table> {
  const { name, write } = destination;
  transaction.catalog.getDataset(name.project, name.dataset);
  const found = transaction.catalog.findTable(name);
  if (!found) {
    if (destination.create === "CREATE_NEVER") throw notFound(`Table ${legacyName(name)}`);
    const created = now();
    return createTable(transaction, name, fields, destination.metadata, { created, modified: created });
  }
  checkWritable(found);
  if (write === "WRITE_TRUNCATE") {
    await dropTable(transaction, found);
    const metadata = { ...found.metadata, ...destination.metadata };
    return createTable(transaction, name, fields, metadata, { created: found.created, modified: now() });
  }
  if (write === "WRITE_EMPTY" && (await hasRows(transaction, found)))
    throw duplicate(`Table ${legacyName(name)}`);
  checkAppend(found, fields);
  return found;
}

async function hasRows(transaction: Transaction, table: Table): Promise<boolean> {
  const rows = await transaction.session.run(`SELECT 1 FROM ${duckTable(table.name)} LIMIT 1`);
  return rows.rowCount > 0;
}

/** Columns are matched by name; a column that the table lacks, or of another type, is refused. */
function checkAppend(table: Table, fields: Field[]): void {
  for (const field of fields) {
    const own = table.fields.find((f) => f.name.toLowerCase() === field.name.toLowerCase());
    if (!own) throw invalid(`Invalid schema update. Cannot add fields (field: ${field.name})`);
    if (!sameType(typeOfField(own), typeOfField(field)))
      throw invalid(
        `Invalid schema update. Field ${field.name} has changed type from ${own.type} to ${field.type}`,
      );
  }
}

function insertSql(
  table: Table,
  { query, names }: SelectStatement,
  into: string = duckTable(table.name),
): string {
  const columns = names.map(
    (name) => table.fields.find((f) => f.name.toLowerCase() === name.toLowerCase())?.name ?? name,
  );
  const missing = table.fields.filter((f) => f.mode === "REPEATED" && !columns.includes(f.name));
  const list = [...columns, ...missing.map((f) => f.name)].map(ident).join(", ");
  const values = query.columns.map((c, i) =>
    forColumn({ sql: `r.${c.sql}`, type: c.type }, c.type, names[i] ?? "", () => ""),
  );
  const all = [...values, ...missing.map(() => "[]")].join(", ");
  return `INSERT INTO ${into} (${list}) SELECT ${all} FROM (${query.sql}) AS r`;
}
