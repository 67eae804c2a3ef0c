import { checkWritable, type Table } from "../catalog/catalog.ts";
import { duckTable, legacyName, type TableName } from "../catalog/names.ts";
import { typeOfField } from "../catalog/schema.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { duplicate, invalidQuery, notFound } from "../errors.ts";
import { isObject, type JsonObject, objectOr } from "../json.ts";
import type { Alteration, AlterTable } from "../sql/ddl.ts";
import { ident } from "../sql/expr.ts";
import type { Option } from "../sql/options.ts";
import { duckType } from "../sql/types.ts";
import { columnField, optionMetadata } from "./definitions.ts";

/** Runs the actions of one ALTER TABLE in order. Returns false where the table is missing and may be. */
export async function runAlter(
  transaction: Transaction,
  name: TableName,
  { actions, ifExists }: AlterTable,
  location: string,
  now: number,
): Promise<boolean> {
  const found = transaction.catalog.findTable(name);
  if (!found) {
    if (ifExists) return false;
    throw notFound(`Table ${legacyName(name)} was not found in location ${location}`);
  }
  checkWritable(found);
  let table = found;
  for (const action of actions) table = await alter(transaction, table, action);
  await fillArrays(transaction, table);
  await transaction.putTable({ ...table, modified: Math.max(now, found.modified + 1) });
  return true;
}

/** Added arrays are empty, not NULL. Last of all: DuckDB changes no columns after rows in one transaction. */
async function fillArrays(transaction: Transaction, table: Table): Promise<void> {
  for (const field of table.fields) {
    if (field.mode !== "REPEATED") continue;
    const name = ident(field.name);
    await transaction.session.run(`UPDATE ${duckTable(table.name)} SET ${name} = [] WHERE ${name} IS NULL`);
  }
}

function alter(transaction: Transaction, table: Table, action: Alteration): Promise<Table> {
  switch (action.kind) {
    case "add":
      return addColumn(transaction, table, action);
    case "drop":
      return dropColumn(transaction, table, action);
    case "rename_column":
      return renameColumn(transaction, table, action);
    case "relax":
      return relax(transaction, table, action.name);
    case "rename":
      return rename(transaction, table, action.to);
    default:
      return Promise.resolve({ ...table, metadata: withOptions(table.metadata, action.options) });
  }
}

type Action<K extends Alteration["kind"]> = Extract<Alteration, { kind: K }>;

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function columnAt(table: Table, name: string): number {
  const at = table.fields.findIndex((f) => same(f.name, name));
  if (at < 0) throw invalidQuery(`Column not found: ${name} in table ${legacyName(table.name)}`);
  return at;
}

async function define(transaction: Transaction, table: Table, change: string): Promise<void> {
  await transaction.session.run(`ALTER TABLE ${duckTable(table.name)} ${change}`);
}

async function addColumn(transaction: Transaction, table: Table, action: Action<"add">): Promise<Table> {
  const { column, ifNotExists } = action;
  if (table.fields.some((f) => same(f.name, column.name))) {
    if (ifNotExists) return table;
    throw invalidQuery(`Column already exists: ${column.name}`);
  }
  if (column.required)
    throw invalidQuery(`Cannot add required fields to an existing schema. (field: ${column.name})`);
  const field = columnField(column);
  await define(transaction, table, `ADD COLUMN ${ident(field.name)} ${duckType(typeOfField(field))}`);
  return { ...table, fields: [...table.fields, field] };
}

/** The columns that partitioning and clustering are by: they cannot go or be renamed. */
function checkFree(table: Table, name: string): void {
  const { timePartitioning, rangePartitioning, clustering } = table.metadata;
  const clustered = isObject(clustering) && Array.isArray(clustering.fields) ? clustering.fields : [];
  const used = [objectOr(timePartitioning).field, objectOr(rangePartitioning).field, ...clustered];
  if (used.some((u) => same(String(u), name)))
    throw invalidQuery(`Column ${name} is used to partition or cluster the table and cannot be changed`);
}

async function dropColumn(
  transaction: Transaction,
  table: Table,
  { name, ifExists }: Action<"drop">,
): Promise<Table> {
  if (ifExists && !table.fields.some((f) => same(f.name, name))) return table;
  const at = columnAt(table, name);
  checkFree(table, name);
  if (table.fields.length === 1) throw invalidQuery("Cannot drop the only column of a table");
  await define(transaction, table, `DROP COLUMN ${ident(table.fields[at]?.name ?? name)}`);
  return { ...table, fields: table.fields.filter((_, i) => i !== at) };
}

async function renameColumn(
  transaction: Transaction,
  table: Table,
  { name, to }: Action<"rename_column">,
): Promise<Table> {
  const at = columnAt(table, name);
  checkFree(table, name);
  if (table.fields.some((f, i) => i !== at && same(f.name, to)))
    throw invalidQuery(`Column already exists: ${to}`);
  await define(transaction, table, `RENAME COLUMN ${ident(table.fields[at]?.name ?? name)} TO ${ident(to)}`);
  return { ...table, fields: table.fields.map((f, i) => (i === at ? { ...f, name: to } : f)) };
}

async function relax(transaction: Transaction, table: Table, name: string): Promise<Table> {
  const at = columnAt(table, name);
  const field = table.fields[at];
  if (field?.mode !== "REQUIRED") return table;
  await define(transaction, table, `ALTER COLUMN ${ident(field.name)} DROP NOT NULL`);
  return { ...table, fields: table.fields.map((f, i) => (i === at ? { ...f, mode: "NULLABLE" } : f)) };
}

async function rename(transaction: Transaction, table: Table, to: string): Promise<Table> {
  const name: TableName = { ...table.name, table: to };
  if (transaction.catalog.findTable(name)) throw duplicate(`Table ${legacyName(name)}`);
  const [, own] = /\.("(?:[^"]|"")*")$/.exec(duckTable(name)) ?? [];
  await define(transaction, table, `RENAME TO ${own}`);
  await transaction.removeTable(table);
  return { ...table, name };
}

/** SET OPTIONS: NULL takes an option away. */
function withOptions(metadata: JsonObject, options: Map<string, Option>): JsonObject {
  const merged: JsonObject = {
    ...metadata,
    ...optionMetadata(new Map([...options].filter(([, v]) => v !== null))),
  };
  const keys: Record<string, string> = {
    friendly_name: "friendlyName",
    require_partition_filter: "requirePartitionFilter",
  };
  for (const [name, value] of options) if (value === null) delete merged[keys[name] ?? name];
  return merged;
}
