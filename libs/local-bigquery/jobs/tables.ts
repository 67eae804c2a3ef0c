import type { Table } from "../catalog/catalog.ts";
import { viewQuery } from "../catalog/catalog.ts";
import { checkTableId, duckSchema, duckTable, legacyName, type TableName } from "../catalog/names.ts";
import { type Field, typeOfField } from "../catalog/schema.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { duplicate, invalid, notImplemented } from "../errors.ts";
import { isObject, type JsonObject, numberOf, objectOr } from "../json.ts";
import { ident } from "../sql/expr.ts";
import { duckType } from "../sql/types.ts";

function columnSql(field: Field): string {
  const type = typeOfField(field);
  return `${ident(field.name)} ${duckType(type)}${field.mode === "REQUIRED" ? " NOT NULL" : ""}`;
}

const PARTITIONABLE = new Set(["DATE", "TIMESTAMP", "DATETIME"]);

/** Throws where partitioning or clustering name columns that the schema does not have. */
export function checkLayout(fields: Field[], metadata: JsonObject): void {
  const find = (name: unknown): Field | undefined =>
    fields.find((f) => f.name.toLowerCase() === String(name).toLowerCase());
  const { timePartitioning, rangePartitioning, clustering } = metadata;
  if (isObject(rangePartitioning)) checkRange(rangePartitioning, find(rangePartitioning.field));
  if (typeof timePartitioning === "object" && timePartitioning !== null && !Array.isArray(timePartitioning)) {
    const { field, type } = timePartitioning;
    if (!["DAY", "HOUR", "MONTH", "YEAR"].includes(String(type)))
      throw invalid(`Invalid time partitioning type ${String(type)}`);
    if (field === undefined || /^_PARTITION(TIME|DATE)$/i.test(String(field)))
      throw notImplemented("partitioning by ingestion time");
    const found = find(field);
    if (!found) throw invalid("The field specified for partitioning cannot be found in the schema.");
    if (!PARTITIONABLE.has(found.type) || found.mode === "REPEATED")
      throw invalid(
        `The field specified for time partitioning can only be of type TIMESTAMP, DATE or DATETIME. The type found is: ${found.type}.`,
      );
  }
  if (typeof clustering === "object" && clustering !== null && !Array.isArray(clustering)) {
    const names = Array.isArray(clustering.fields) ? clustering.fields : [];
    if (names.length > 4) throw invalid("Too many clustering fields: at most 4");
    for (const name of names)
      if (!find(name))
        throw invalid(`The field specified for clustering cannot be found in the schema: ${String(name)}.`);
  }
}

/** Throws unless whole ranges of an INTEGER column are described, as many as the service allows. */
function checkRange({ range }: JsonObject, field: Field | undefined): void {
  if (!field) throw invalid("The field specified for partitioning cannot be found in the schema.");
  if (field.type !== "INTEGER" || field.mode === "REPEATED")
    throw invalid(
      `The field specified for range partitioning must be of type INTEGER. The type found is: ${field.type}.`,
    );
  const [start, end, interval] = ["start", "end", "interval"].map((key) => numberOf(objectOr(range)[key]));
  if (start === undefined || end === undefined || interval === undefined)
    throw invalid("rangePartitioning.range needs start, end and interval");
  if (interval <= 0 || start >= end)
    throw invalid("Range partitioning needs start < end and a positive interval");
  if ((end - start) / interval > 10_000) throw invalid("Range partitioning has more than 10000 partitions");
}

function checkNames(fields: Field[]): void {
  const seen = new Set<string>();
  for (const { name } of fields) {
    if (seen.has(name.toLowerCase())) throw invalid(`Duplicate column name ${name}`);
    seen.add(name.toLowerCase());
  }
}

/** Makes a table: its metadata and its DuckDB table. `created` is kept where a table is only overwritten. */
export async function createTable(
  transaction: Transaction,
  name: TableName,
  fields: Field[],
  metadata: JsonObject,
  times: { created: number; modified: number },
): Promise<Table> {
  checkTableId(name.table);
  if (fields.length === 0) throw invalid(`Table ${legacyName(name)} must have a schema`);
  checkNames(fields);
  checkLayout(fields, metadata);
  const table: Table = { name, fields, metadata: withExpiry(transaction, name, metadata, times), ...times };
  if (viewQuery(table) === undefined)
    await transaction.session.run(`CREATE TABLE ${duckTable(name)} (${fields.map(columnSql).join(", ")})`);
  await transaction.putTable(table);
  return table;
}

/** A table without an expiry of its own has that of its dataset. */
function withExpiry(
  transaction: Transaction,
  name: TableName,
  metadata: JsonObject,
  times: { created: number },
): JsonObject {
  const dataset = transaction.catalog.findDataset(name.project, name.dataset);
  const lifetime = numberOf(dataset?.metadata.defaultTableExpirationMs);
  if (lifetime === undefined || numberOf(metadata.expirationTime) !== undefined) return metadata;
  return { ...metadata, expirationTime: String(times.created + lifetime) };
}

export async function dropTable(transaction: Transaction, table: Table): Promise<void> {
  if (viewQuery(table) === undefined) await transaction.session.run(`DROP TABLE ${duckTable(table.name)}`);
  await transaction.removeTable(table);
}

export async function createDataset(
  transaction: Transaction,
  project: string,
  dataset: string,
  metadata: JsonObject,
  now: number,
): Promise<void> {
  if (transaction.catalog.findDataset(project, dataset)) throw duplicate(`Dataset ${project}:${dataset}`);
  await transaction.session.run(`CREATE SCHEMA ${duckSchema(project, dataset)}`);
  await transaction.putDataset({ project, dataset, metadata, created: now, modified: now });
}

/** Drops a dataset; with its tables where `contents` says so, else refuses one that has any. */
export async function dropDataset(
  transaction: Transaction,
  project: string,
  dataset: string,
  contents: boolean,
  refuse: () => Error,
): Promise<void> {
  transaction.catalog.getDataset(project, dataset);
  const tables = transaction.catalog.tablesOf(project, dataset);
  const routines = transaction.catalog.routinesOf(project, dataset);
  if (tables.length + routines.length > 0 && !contents) throw refuse();
  for (const table of tables) await dropTable(transaction, table);
  for (const routine of routines) await transaction.removeRoutine(routine);
  await transaction.session.run(`DROP SCHEMA ${duckSchema(project, dataset)}`);
  await transaction.removeDataset(project, dataset);
}
