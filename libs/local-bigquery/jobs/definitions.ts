import { checkWritable, kindOf, type Table, viewOf, viewQuery } from "../catalog/catalog.ts";
import { checkDatasetId, legacyName, resolvePath, type TableName } from "../catalog/names.ts";
import type { RoutineName } from "../catalog/routines.ts";
import { type Field, fieldOfType, typeOfField } from "../catalog/schema.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { BigQueryError, duplicate, invalidQuery, notFound, notImplemented } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { ColumnDef, CreateTable, Ddl } from "../sql/ddl.ts";
import type { Option } from "../sql/options.ts";
import { sameType } from "../sql/types.ts";
import { runAlter } from "./alter.ts";
import { fieldsOf, fill, stage, unstage, type Written } from "./destination.ts";
import { runCreateRoutine, runDropRoutine } from "./routine-definitions.ts";
import { createDataset, createTable, dropDataset, dropTable } from "./tables.ts";
import { runCopyTable, runCreateView, runDropView } from "./view-definitions.ts";

/** What a DDL statement did. */
export interface Defined {
  statementType: string;
  operation: "CREATE" | "SKIP" | "REPLACE" | "DROP" | "TRUNCATE" | "ALTER";
  target: TableName | undefined;
  /** Of a routine's statement. */
  routine?: RoutineName;
  rows: number;
  /** Rows that TRUNCATE deleted. */
  deleted?: number;
}

export interface DefinitionScope {
  transaction: Transaction;
  project: string;
  defaultDataset: string | undefined;
  location: string;
  /** The job's time, and the creation time of a table that it makes. */
  now: () => number;
  creationTime: () => number;
}

export async function runDdl(
  scope: DefinitionScope,
  ddl: Ddl,
  written: Written | undefined,
): Promise<Defined> {
  switch (ddl.kind) {
    case "create_table":
      return runCreateTable(scope, ddl, written);
    case "drop_table":
      return runDropTable(scope, tableName(scope, ddl.path), ddl.ifExists);
    case "create_view":
      return runCreateView(scope, ddl, written);
    case "drop_view":
      return runDropView(scope, tableName(scope, ddl.path), ddl);
    case "copy_table":
      return runCopyTable(scope, ddl);
    case "alter_table": {
      const name = tableName(scope, ddl.path);
      const done = await runAlter(scope.transaction, name, ddl, scope.location, scope.now());
      return { statementType: "ALTER_TABLE", operation: done ? "ALTER" : "SKIP", target: name, rows: 0 };
    }
    case "truncate":
      return runTruncate(scope, tableName(scope, ddl.path));
    case "create_routine":
      return runCreateRoutine(scope, ddl);
    case "drop_routine":
      return runDropRoutine(scope, ddl);
    case "create_schema":
      return runCreateSchema(scope, ddl);
    default:
      return runDropSchema(scope, ddl);
  }
}

export function tableName(scope: DefinitionScope, path: string[]): TableName {
  return resolvePath(path, scope.project, scope.defaultDataset);
}

async function runCreateTable(
  scope: DefinitionScope,
  ddl: CreateTable,
  written: Written | undefined,
): Promise<Defined> {
  const { transaction } = scope;
  const name = tableName(scope, ddl.path);
  const statementType = written ? "CREATE_TABLE_AS_SELECT" : "CREATE_TABLE";
  const existing = replaceable(scope, name, ddl);
  if (existing && ddl.ifNotExists) return { statementType, operation: "SKIP", target: name, rows: 0 };
  const created = scope.creationTime();
  const metadata = tableMetadata(ddl);
  const fields = ddl.columns?.map(columnField) ?? (written ? fieldsOf(written.statement) : []);
  if (written && ddl.columns) nameColumns(written, fields);
  const staged = existing && written ? await stage(transaction, name, written) : undefined;
  if (existing) await dropTable(transaction, existing);
  const table = await createTable(transaction, name, fields, metadata, { created, modified: created });
  const operation = existing ? "REPLACE" : "CREATE";
  if (!written) return { statementType, operation, target: name, rows: 0 };
  const rows = staged ? await unstage(transaction, table, staged) : await fill(transaction, table, written);
  return { statementType, operation, target: name, rows };
}

/** CREATE TABLE (columns) AS: the query's columns, in order, are those of the list. */
function nameColumns(written: Written, fields: Field[]): void {
  const { columns } = written.statement.query;
  if (columns.length !== fields.length)
    throw invalidQuery(
      "The number of columns in the column definition list does not match that of the query",
    );
  if (
    !columns.every((c, i) =>
      sameType(c.type, typeOfField(fields[i] ?? { name: "", type: "", mode: "NULLABLE" })),
    )
  )
    throw notImplemented("CREATE TABLE (columns) AS a query whose columns are of other types");
  written.statement = { ...written.statement, names: fields.map((f) => f.name) };
}

/** The table of this name, which must not be there unless the statement may replace it or leaves it. */
export function replaceable(
  { transaction, location }: DefinitionScope,
  name: TableName,
  { orReplace, ifNotExists }: { orReplace: boolean; ifNotExists: boolean },
): Table | undefined {
  if (!transaction.catalog.findDataset(name.project, name.dataset))
    throw notFound(`Dataset ${name.project}:${name.dataset} was not found in location ${location}`);
  const existing = transaction.catalog.findTable(name);
  if (existing && !orReplace && !ifNotExists) throw duplicate(`Table ${legacyName(name)}`);
  return existing;
}

export function columnField(column: ColumnDef): Field {
  const field = fieldOfType(column.name, column.type, column.required);
  return column.description === undefined ? field : { ...field, description: column.description };
}

function tableMetadata(ddl: CreateTable): JsonObject {
  const metadata: JsonObject = optionMetadata(ddl.options);
  const { partition } = ddl;
  if (partition && "range" in partition)
    metadata.rangePartitioning = { field: partition.field, range: { ...partition.range } };
  else if (partition) metadata.timePartitioning = { type: partition.type, field: partition.field };
  if (metadata.requirePartitionFilter === true && !partition)
    throw invalidQuery("require_partition_filter is set for a table that is not partitioned");
  if (ddl.cluster.length > 0) metadata.clustering = { fields: ddl.cluster };
  return metadata;
}

/** OPTIONS(...) that are kept as metadata; others are refused by name. */
export function optionMetadata(options: Map<string, Option>): JsonObject {
  const metadata: JsonObject = {};
  for (const [name, value] of options) {
    if (name === "description" && typeof value === "string") metadata.description = value;
    else if (name === "friendly_name" && typeof value === "string") metadata.friendlyName = value;
    else if (name === "location" && typeof value === "string") metadata.location = value;
    else if (name === "require_partition_filter" && typeof value === "boolean")
      metadata.requirePartitionFilter = value;
    else if (name === "labels" && isPairs(value)) metadata.labels = Object.fromEntries(value);
    else throw notImplemented(`option ${name}`);
  }
  return metadata;
}

function isPairs(value: Option): value is [string, string][] {
  return Array.isArray(value) && value.every((pair) => Array.isArray(pair));
}

async function runDropTable(scope: DefinitionScope, name: TableName, ifExists: boolean): Promise<Defined> {
  const found = scope.transaction.catalog.findTable(name);
  if (!found && !ifExists) throw notFound(`Table ${legacyName(name)}`);
  if (found && viewQuery(found) !== undefined)
    throw invalidQuery(
      `${legacyName(name)} is a ${kindOf(found)}, not a TABLE; use DROP ${kindOf(found).replace("_", " ")}`,
    );
  if (found) await dropTable(scope.transaction, found);
  return { statementType: "DROP_TABLE", operation: found ? "DROP" : "SKIP", target: name, rows: 0 };
}

async function runTruncate(scope: DefinitionScope, name: TableName): Promise<Defined> {
  const found = scope.transaction.catalog.findTable(name);
  if (!found) throw notFound(`Table ${legacyName(name)} was not found in location ${scope.location}`);
  checkWritable(found);
  const deleted = await scope.transaction.session.run(`DELETE FROM ${viewOf(found).duck}`);
  return {
    statementType: "TRUNCATE_TABLE",
    operation: "TRUNCATE",
    target: name,
    rows: 0,
    deleted: deleted.rowsChanged,
  };
}

function schemaName(scope: DefinitionScope, path: string[]): { project: string; dataset: string } {
  const pieces = path.flatMap((part) => part.split("."));
  const dataset = pieces.pop() ?? "";
  checkDatasetId(dataset);
  return { project: pieces.join(".") || scope.project, dataset };
}

async function runCreateSchema(
  scope: DefinitionScope,
  ddl: Extract<Ddl, { kind: "create_schema" }>,
): Promise<Defined> {
  const { project, dataset } = schemaName(scope, ddl.path);
  const exists = scope.transaction.catalog.findDataset(project, dataset) !== undefined;
  const made: Defined = {
    statementType: "CREATE_SCHEMA",
    operation: exists ? "SKIP" : "CREATE",
    target: undefined,
    rows: 0,
  };
  if (exists && ddl.ifNotExists) return made;
  const metadata = { location: scope.location, ...optionMetadata(ddl.options) };
  await createDataset(scope.transaction, project, dataset, metadata, scope.now());
  return made;
}

async function runDropSchema(
  scope: DefinitionScope,
  ddl: Extract<Ddl, { kind: "drop_schema" }>,
): Promise<Defined> {
  const { project, dataset } = schemaName(scope, ddl.path);
  const exists = scope.transaction.catalog.findDataset(project, dataset) !== undefined;
  const done: Defined = {
    statementType: "DROP_SCHEMA",
    operation: exists ? "DROP" : "SKIP",
    target: undefined,
    rows: 0,
  };
  if (!exists && ddl.ifExists) return done;
  await dropDataset(
    scope.transaction,
    project,
    dataset,
    ddl.cascade,
    () => new BigQueryError("resourceInUse", `Dataset ${project}:${dataset} is still in use`),
  );
  return done;
}
