import { type Catalog, kindOf, type Table, viewQuery } from "../catalog/catalog.ts";
import { duckTable, legacyName, type TableName } from "../catalog/names.ts";
import { type Field, readFields, schemaJson, typeOfField } from "../catalog/schema.ts";
import { chunksOf } from "../catalog/session.ts";
import type { Store } from "../catalog/store.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { BigQueryError, duplicate, invalid, notImplemented } from "../errors.ts";
import { fieldsOf } from "../jobs/destination.ts";
import { encodeChunk, type Row, withFloatTimestamps } from "../jobs/rows.ts";
import { checkLayout, createTable, dropTable } from "../jobs/tables.ts";
import { viewMetadata } from "../jobs/view-definitions.ts";
import { isObject, type JsonObject, objectOr, stringOr } from "../json.ts";
import { ident } from "../sql/expr.ts";
import { lowerStatement } from "../sql/statement.ts";
import { duckType, sameType, type Type } from "../sql/types.ts";
import { checkEtag, etagOf } from "./datasets.ts";
import {
  flag,
  integer,
  makeToken,
  noContent,
  ok,
  pageOf,
  type Reply,
  type Request,
  readToken,
} from "./http.ts";
import { mergePatch, SETTABLE_TABLE, settable } from "./metadata.ts";

function nameOf(request: Request): TableName {
  const { project = "", dataset = "", table = "" } = request.params;
  return { project, dataset, table };
}

function reference(name: TableName): JsonObject {
  return { projectId: name.project, datasetId: name.dataset, tableId: name.table };
}

function brief(table: Table): JsonObject {
  const { name, metadata } = table;
  const { labels, friendlyName, timePartitioning, rangePartitioning, clustering, expirationTime } = metadata;
  return {
    kind: "bigquery#table",
    id: legacyName(name),
    tableReference: reference(name),
    type: kindOf(table),
    view: metadata.view,
    labels,
    friendlyName,
    timePartitioning,
    rangePartitioning,
    clustering,
    expirationTime,
    creationTime: String(table.created),
  };
}

async function show(store: Store, table: Table): Promise<JsonObject> {
  const { name } = table;
  const rows = await countRows(store, table);
  return {
    ...brief(table),
    ...table.metadata,
    etag: etagOf(table),
    selfLink: `/bigquery/v2/projects/${name.project}/datasets/${name.dataset}/tables/${encodeURIComponent(name.table)}`,
    schema: schemaJson(table.fields),
    numRows: String(rows),
    numBytes: String(rows * 8 * table.fields.length),
    lastModifiedTime: String(table.modified),
    location: store.catalog.findDataset(name.project, name.dataset)?.metadata.location,
  };
}

async function countRows(store: Store, table: Table): Promise<number> {
  if (viewQuery(table) !== undefined) return 0;
  const [counted] = await store.read((s) => s.rows(`SELECT count(*) FROM ${duckTable(table.name)}`));
  return Number(counted?.[0] ?? 0);
}

const NOT_TABLES = ["materializedView", "externalDataConfiguration", "snapshotDefinition"];

export async function insertTable(store: Store, request: Request): Promise<Reply> {
  const body = request.json();
  const { project = "", dataset = "" } = request.params;
  for (const key of NOT_TABLES) if (isObject(body[key])) throw notImplemented(`tables.insert with ${key}`);
  if (!isObject(body.view) && !isObject(body.schema)) throw notImplemented("a table without a schema");
  const table = stringOr(objectOr(body.tableReference).tableId, "");
  const name: TableName = { project, dataset, table };
  const sql = objectOr(body.view).query;
  const own = isObject(body.view) ? viewMetadata(stringOr(sql, ""), false) : {};
  if (objectOr(body.view).useLegacySql === true) throw notImplemented("a view in legacy SQL");
  await store.write(async (transaction) => {
    const fields = isObject(body.view)
      ? fieldsOfView(transaction.catalog, project, stringOr(sql, ""))
      : readFields(objectOr(body.schema).fields ?? []);
    transaction.catalog.getDataset(project, dataset);
    if (transaction.catalog.findTable(name)) throw duplicate(`Table ${legacyName(name)}`);
    const created = store.creationTime();
    await createTable(
      transaction,
      name,
      fields,
      { ...settable(body, SETTABLE_TABLE), ...own },
      {
        created,
        modified: created,
      },
    );
  });
  return ok(await show(store, store.catalog.getTable(name)));
}

/** The schema of a view with this query. */
function fieldsOfView(catalog: Catalog, project: string, sql: string): Field[] {
  const { plan, binds } = lowerStatement(sql, { ...catalog.names(project, undefined), params: new Map() });
  if (plan.kind !== "select" || binds.some((bind) => bind.kind === "param"))
    throw invalid("A view needs a query without parameters");
  return fieldsOf(plan);
}

export async function getTable(store: Store, request: Request): Promise<Reply> {
  return ok(await show(store, store.catalog.getTable(nameOf(request))));
}

export function listTables(store: Store, request: Request): Reply {
  const { project = "", dataset = "" } = request.params;
  store.catalog.getDataset(project, dataset);
  const all = store.catalog.tablesOf(project, dataset).sort((a, b) => (a.name.table < b.name.table ? -1 : 1));
  const { items, next } = pageOf(all, request.query, 50);
  return ok({
    kind: "bigquery#tableList",
    etag: String(store.catalog.version),
    tables: items.map(brief),
    nextPageToken: next,
    totalItems: all.length,
  });
}

/** PATCH merges, PUT replaces; a new schema may add columns and relax REQUIRED. */
export async function updateTable(store: Store, request: Request): Promise<Reply> {
  const name = nameOf(request);
  const body = request.json();
  if (isObject(body.view) || isObject(body.materializedView))
    throw notImplemented("a change of a view's query");
  await store.write(async (transaction) => {
    const found = transaction.catalog.getTable(name);
    checkEtag(request, etagOf(found));
    const given = settable(body, SETTABLE_TABLE);
    const metadata = request.method === "PATCH" ? mergePatch(found.metadata, given) : given;
    const fields = isObject(body.schema)
      ? await changeSchema(transaction, found, readFields(body.schema.fields ?? []))
      : found.fields;
    checkLayout(fields, metadata);
    await transaction.putTable({
      ...found,
      fields,
      metadata,
      modified: Math.max(store.now(), found.modified + 1),
    });
  });
  return ok(await show(store, store.catalog.getTable(name)));
}

async function changeSchema(transaction: Transaction, table: Table, wanted: Field[]): Promise<Field[]> {
  const duck = duckTable(table.name);
  const refuse = (why: string): never => {
    throw invalid(`Provided Schema does not match Table ${legacyName(table.name)}. ${why}`);
  };
  for (const field of table.fields) {
    const next = wanted.find((f) => f.name.toLowerCase() === field.name.toLowerCase());
    if (!next) return refuse(`Field ${field.name} is missing in new schema`);
    if (!sameType(typeOfField(field), typeOfField(next)))
      return refuse(`Field ${field.name} has changed type from ${field.type} to ${next.type}`);
    if (field.mode === "NULLABLE" && next.mode === "REQUIRED")
      return refuse(`Field ${field.name} has changed mode from NULLABLE to REQUIRED`);
    if (field.mode === "REQUIRED" && next.mode === "NULLABLE")
      await transaction.session.run(`ALTER TABLE ${duck} ALTER COLUMN ${ident(field.name)} DROP NOT NULL`);
  }
  const added = wanted.filter(
    (f) => !table.fields.some((own) => own.name.toLowerCase() === f.name.toLowerCase()),
  );
  for (const field of added) {
    if (field.mode === "REQUIRED")
      refuse(`Cannot add required fields to an existing schema. (field: ${field.name})`);
    const column = ident(field.name);
    await transaction.session.run(`ALTER TABLE ${duck} ADD COLUMN ${column} ${duckType(typeOfField(field))}`);
    if (field.mode === "REPEATED") await transaction.session.run(`UPDATE ${duck} SET ${column} = []`);
  }
  const kept = table.fields.map(
    (f) => wanted.find((w) => w.name.toLowerCase() === f.name.toLowerCase()) ?? f,
  );
  return [...kept.map((f, i) => ({ ...f, name: table.fields[i]?.name ?? f.name })), ...added];
}

export async function deleteTable(store: Store, request: Request): Promise<Reply> {
  const name = nameOf(request);
  await store.write((transaction) => dropTable(transaction, transaction.catalog.getTable(name)));
  return noContent;
}

/** A page of a table's rows, in the table's order. */
export async function readTablePage(
  store: Store,
  table: Table,
  fields: Field[],
  start: number,
  size: number,
): Promise<{ rows: Row[]; total: number; types: Type[] }> {
  const types = fields.map(typeOfField);
  if (viewQuery(table) !== undefined) throw invalid(`Cannot list a table of type ${kindOf(table)}.`);
  const total = await countRows(store, table);
  const rows: Row[] = [];
  const list = fields.map((f) => ident(f.name)).join(", ");
  await store.read(async (session) => {
    const result = await session.run(
      `SELECT ${list} FROM ${duckTable(table.name)} LIMIT ${size} OFFSET ${start}`,
    );
    for (const chunk of chunksOf(result)) encodeChunk(chunk, types, rows);
  });
  return { rows, total, types };
}

/** Rows of a page where the client names no number. */
export const PAGE_ROWS = 50_000;

export async function listRows(store: Store, request: Request): Promise<Reply> {
  const { query } = request;
  const table = store.catalog.getTable(nameOf(request));
  const start = query.get("pageToken")
    ? readToken(query.get("pageToken"))
    : (integer(query, "startIndex") ?? 0);
  const size = Math.min(integer(query, "maxResults") ?? PAGE_ROWS, PAGE_ROWS);
  const fields = selectFields(table, query.get("selectedFields"));
  const { rows, total, types } = await readTablePage(store, table, fields, start, size);
  const next = start + rows.length < total && rows.length > 0 ? makeToken(start + rows.length) : undefined;
  return ok({
    kind: "bigquery#tableDataList",
    etag: etagOf(table),
    totalRows: String(total),
    rows: flag(query, "formatOptions.useInt64Timestamp") ? rows : withFloatTimestamps(rows, types),
    pageToken: next,
  });
}

function selectFields(table: Table, selected: string | null): Field[] {
  if (selected === null || selected === "") return table.fields;
  const names = selected.split(",").map((name) => name.trim().toLowerCase());
  if (names.some((name) => name.includes("."))) throw notImplemented("selectedFields of nested fields");
  for (const name of names)
    if (!table.fields.some((f) => f.name.toLowerCase() === name))
      throw new BigQueryError("invalid", `Invalid field name in selectedFields: ${name}`);
  return table.fields.filter((f) => names.includes(f.name.toLowerCase()));
}
