import { kindOf, viewQuery } from "../catalog/catalog.ts";
import { duckTable, legacyName, type TableName } from "../catalog/names.ts";
import { invalidQuery, notFound } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { CopyTable, CreateView } from "../sql/ddl.ts";
import { copyRows } from "./copy.ts";
import { type Defined, type DefinitionScope, optionMetadata, replaceable, tableName } from "./definitions.ts";
import { fieldsOf, type Written } from "./destination.ts";
import { createTable, dropTable } from "./tables.ts";

/** A view is a table without rows of its own: its schema and its query. */
export async function runCreateView(
  scope: DefinitionScope,
  ddl: CreateView,
  written: Written | undefined,
): Promise<Defined> {
  const name = tableName(scope, ddl.path);
  const statementType = ddl.materialized ? "CREATE_MATERIALIZED_VIEW" : "CREATE_VIEW";
  const existing = replaceable(scope, name, ddl);
  if (existing && ddl.ifNotExists) return { statementType, operation: "SKIP", target: name, rows: 0 };
  const wanted = ddl.materialized ? "MATERIALIZED_VIEW" : "VIEW";
  if (existing && kindOf(existing) !== wanted)
    throw invalidQuery(
      `${legacyName(name)} is not allowed for this operation because it is a ${kindOf(existing)}`,
    );
  const fields = written ? fieldsOf(written.statement) : [];
  if (ddl.columns.length > 0 && ddl.columns.length !== fields.length)
    throw invalidQuery("The number of columns of the view does not match that of its query");
  const named = fields.map((f, i) => ({ ...f, name: ddl.columns[i] ?? f.name }));
  const metadata = { ...optionMetadata(ddl.options), ...viewMetadata(ddl.sql, ddl.materialized) };
  if (existing) await dropTable(scope.transaction, existing);
  const created = scope.creationTime();
  await createTable(scope.transaction, name, named, metadata, { created, modified: created });
  return { statementType, operation: existing ? "REPLACE" : "CREATE", target: name, rows: 0 };
}

export function viewMetadata(query: string, materialized: boolean): JsonObject {
  return materialized ? { materializedView: { query } } : { view: { query, useLegacySql: false } };
}

export async function runDropView(
  scope: DefinitionScope,
  name: TableName,
  { ifExists, word }: { ifExists: boolean; word: string },
): Promise<Defined> {
  const statementType = `DROP_${word.replace(" ", "_")}`;
  const found = scope.transaction.catalog.findTable(name);
  if (!found && !ifExists)
    throw notFound(`Table ${legacyName(name)} was not found in location ${scope.location}`);
  if (found && kindOf(found) !== word.replace(" ", "_"))
    throw invalidQuery(`${legacyName(name)} is a ${kindOf(found)}, not a ${word}`);
  if (found) await dropTable(scope.transaction, found);
  return { statementType, operation: found ? "DROP" : "SKIP", target: name, rows: 0 };
}

/** CLONE, COPY and SNAPSHOT: the rows are copied. A snapshot can only be read. */
export async function runCopyTable(scope: DefinitionScope, ddl: CopyTable): Promise<Defined> {
  const { transaction, location } = scope;
  const [name, source] = [tableName(scope, ddl.path), tableName(scope, ddl.from)];
  const statementType = ddl.how === "SNAPSHOT" ? "CREATE_SNAPSHOT_TABLE" : "CREATE_TABLE";
  const existing = replaceable(scope, name, ddl);
  if (existing && ddl.ifNotExists) return { statementType, operation: "SKIP", target: name, rows: 0 };
  const from = transaction.catalog.findTable(source);
  if (!from) throw notFound(`Table ${legacyName(source)} was not found in location ${location}`);
  if (viewQuery(from) !== undefined)
    throw invalidQuery(`${legacyName(source)} is a view and cannot be copied`);
  if (duckTable(name) === duckTable(source)) throw invalidQuery("A table cannot be copied onto itself");
  const { snapshotDefinition: _, ...metadata } = from.metadata;
  const created = scope.creationTime();
  if (ddl.how === "SNAPSHOT")
    metadata.snapshotDefinition = {
      baseTableReference: { projectId: source.project, datasetId: source.dataset, tableId: source.table },
      snapshotTime: new Date(created).toISOString(),
    };
  if (existing) await dropTable(transaction, existing);
  const table = await createTable(transaction, name, from.fields, metadata, { created, modified: created });
  const rows = await copyRows(transaction, from, table);
  return { statementType, operation: existing ? "REPLACE" : "CREATE", target: name, rows };
}
