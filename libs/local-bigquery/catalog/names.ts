import { BigQueryError, invalid, invalidQuery } from "../errors.ts";

/** A table's full address. */
export interface TableName {
  project: string;
  dataset: string;
  table: string;
}

/** "project:dataset.table", as messages name a table. */
export function legacyName({ project, dataset, table }: TableName): string {
  return `${project}:${dataset}.${table}`;
}

/**
 * BigQuery's dataset and table names are case-sensitive, DuckDB folds case: a capital A becomes "^a".
 * Neither "^" nor "/" can occur in a BigQuery name, so encoded names meet neither each other nor DuckDB's own schemas.
 */
function foldable(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `^${letter.toLowerCase()}`);
}

/** The DuckDB schema that holds a dataset. */
export function schemaOf(project: string, dataset: string): string {
  return `${foldable(project)}/${foldable(dataset)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function duckSchema(project: string, dataset: string): string {
  return quoted(schemaOf(project, dataset));
}

/** The DuckDB table that holds a BigQuery table, quoted. */
export function duckTable(name: TableName): string {
  return `${duckSchema(name.project, name.dataset)}.${quoted(foldable(name.table))}`;
}

export function checkDatasetId(id: string): void {
  if (!/^[A-Za-z0-9_-]{1,1024}$/.test(id))
    throw invalid(
      `Invalid dataset ID "${id}". Dataset IDs must be alphanumeric (plus underscores and dashes) and must be at most 1024 characters long.`,
    );
}

/** Throws where BigQuery does not allow the name: letters, marks, numbers, connectors, dashes and spaces, 1 to 1,024 bytes. */
export function checkTableId(id: string): void {
  if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]+$/u.test(id) || Buffer.byteLength(id) > 1024)
    throw invalid(
      `Invalid table ID "${id}". Table IDs must be alphanumeric (plus underscores and dashes) and must be at most 1024 characters long.`,
    );
}

export function checkColumnName(name: string): void {
  if (!/^[\p{L}_][\p{L}\p{N}\p{M}_ \-&%=+:'<>#|]{0,299}$/u.test(name))
    throw new BigQueryError("invalid", `Invalid field name "${name}".`);
}

/** Reads a table path of one to three parts (project ids may hold dots and colons) against the defaults. */
export function resolvePath(parts: string[], project: string, defaultDataset: string | undefined): TableName {
  const pieces = parts.flatMap((part) => part.split("."));
  const table = pieces.pop() ?? "";
  const dataset = pieces.pop();
  const named = pieces.join(".");
  if (dataset !== undefined) return { project: named === "" ? project : named, dataset, table };
  if (defaultDataset === undefined)
    throw invalidQuery(`Table "${table}" must be qualified with a dataset (e.g. dataset.table).`);
  const [defaultProject, name] = defaultDataset.includes(":")
    ? splitLast(defaultDataset)
    : [project, defaultDataset];
  return { project: defaultProject, dataset: name, table };
}

function splitLast(text: string): [string, string] {
  const cut = text.lastIndexOf(":");
  return [text.slice(0, cut), text.slice(cut + 1)];
}
