import { notImplemented } from "../errors.ts";
import { isObject, objectOr } from "../json.ts";
import type { TableColumn, TableView } from "../sql/analysis.ts";
import { ident, quote } from "../sql/expr.ts";
import { duckType, INT64, STRING, TIMESTAMP, type Type, typeName } from "../sql/types.ts";
import { type Catalog, kindOf, type Table, type TableKind, viewQuery } from "./catalog.ts";
import { jobs, type LiveView, partitions } from "./information-live.ts";
import { typeOfField } from "./schema.ts";

type Value = string | number | boolean | null | Date;

interface View {
  columns: [name: string, type: Type][];
  rows: Value[][];
}

/** Datasets of a project: a location's SCHEMATA shows them all, since there is one location here. */
function schemata(catalog: Catalog, project: string): View {
  const datasets = [...catalog.datasets.values()].filter((d) => d.project === project);
  return {
    columns: [
      ["catalog_name", STRING],
      ["schema_name", STRING],
      ["schema_owner", STRING],
      ["creation_time", TIMESTAMP],
      ["last_modified_time", TIMESTAMP],
      ["location", STRING],
    ],
    rows: datasets.map((d) => [
      d.project,
      d.dataset,
      null,
      new Date(d.created),
      new Date(d.modified),
      String(d.metadata.location ?? "US"),
    ]),
  };
}

const TABLE_TYPES: Record<TableKind, string> = {
  TABLE: "BASE TABLE",
  VIEW: "VIEW",
  MATERIALIZED_VIEW: "MATERIALIZED VIEW",
  SNAPSHOT: "SNAPSHOT",
};

const NAMES: View["columns"] = [
  ["table_catalog", STRING],
  ["table_schema", STRING],
  ["table_name", STRING],
];

function nameOf({ name }: Table): string[] {
  return [name.project, name.dataset, name.table];
}

function views(all: Table[]): View {
  return {
    columns: [...NAMES, ["view_definition", STRING], ["check_option", STRING], ["use_standard_sql", STRING]],
    rows: all
      .filter((table) => kindOf(table) === "VIEW")
      .map((table) => [...nameOf(table), viewQuery(table) ?? null, null, "YES"]),
  };
}

/** The options that are kept: text as GoogleSQL writes it. */
function tableOptions(all: Table[]): View {
  const text: [option: string, key: string][] = [
    ["description", "description"],
    ["friendly_name", "friendlyName"],
  ];
  const rows = all.flatMap((table) => {
    const rowsOfTable: Value[][] = text.flatMap(([option, key]) => {
      const value = table.metadata[key];
      return typeof value === "string" ? [[...nameOf(table), option, "STRING", JSON.stringify(value)]] : [];
    });
    if (table.metadata.requirePartitionFilter === true)
      rowsOfTable.push([...nameOf(table), "require_partition_filter", "BOOL", "true"]);
    const labels = Object.entries(objectOr(table.metadata.labels));
    if (labels.length === 0) return rowsOfTable;
    const pairs = labels.map(([k, v]) => `STRUCT(${JSON.stringify(k)}, ${JSON.stringify(v)})`).join(", ");
    return [...rowsOfTable, [...nameOf(table), "labels", "ARRAY<STRUCT<STRING, STRING>>", `[${pairs}]`]];
  });
  return {
    columns: [...NAMES, ["option_name", STRING], ["option_type", STRING], ["option_value", STRING]],
    rows,
  };
}

function tables(all: Table[]): View {
  return {
    columns: [
      ["table_catalog", STRING],
      ["table_schema", STRING],
      ["table_name", STRING],
      ["table_type", STRING],
      ["is_insertable_into", STRING],
      ["is_typed", STRING],
      ["creation_time", TIMESTAMP],
    ],
    rows: all.map((table) => [
      ...nameOf(table),
      TABLE_TYPES[kindOf(table)],
      kindOf(table) === "TABLE" ? "YES" : "NO",
      "NO",
      new Date(table.created),
    ]),
  };
}

function columns(all: Table[]): View {
  return {
    columns: [
      ["table_catalog", STRING],
      ["table_schema", STRING],
      ["table_name", STRING],
      ["column_name", STRING],
      ["ordinal_position", INT64],
      ["is_nullable", STRING],
      ["data_type", STRING],
      ["is_hidden", STRING],
      ["is_partitioning_column", STRING],
      ["clustering_ordinal_position", INT64],
    ],
    rows: all.flatMap((table) =>
      table.fields.map((field, i) => [
        table.name.project,
        table.name.dataset,
        table.name.table,
        field.name,
        i + 1,
        field.mode === "NULLABLE" ? "YES" : "NO",
        typeName(typeOfField(field)),
        "NO",
        partitionField(table) === field.name.toLowerCase() ? "YES" : "NO",
        clusterPosition(table, field.name),
      ]),
    ),
  };
}

function partitionField(table: Table): string | undefined {
  const { timePartitioning, rangePartitioning } = table.metadata;
  const field = objectOr(timePartitioning).field ?? objectOr(rangePartitioning).field;
  return field === undefined ? undefined : String(field).toLowerCase();
}

function clusterPosition(table: Table, column: string): number | null {
  const { clustering } = table.metadata;
  const fields = isObject(clustering) && Array.isArray(clustering.fields) ? clustering.fields : [];
  const at = fields.findIndex((f) => String(f).toLowerCase() === column.toLowerCase());
  return at < 0 ? null : at + 1;
}

/** The view of INFORMATION_SCHEMA, with its rows as they are now. Throws notImplemented for one that is not here. */
export function informationSchema(
  catalog: Catalog,
  name: string,
  project: string,
  dataset: string | undefined,
): TableView {
  const own = dataset === undefined ? [] : catalog.tablesOf(project, dataset);
  const live = liveViewNamed(name.toUpperCase(), project, dataset, own);
  const view = live ?? viewNamed(catalog, name.toUpperCase(), project, dataset, own);
  const columnsOf: TableColumn[] = view.columns.map(([column, type]) => ({
    name: column,
    type,
    required: false,
  }));
  return {
    name: { project, dataset: dataset ?? "", table: `INFORMATION_SCHEMA.${name.toUpperCase()}` },
    columns: columnsOf,
    duck: "sql" in view ? view.sql : valuesSql(view),
  };
}

function liveViewNamed(
  name: string,
  project: string,
  dataset: string | undefined,
  own: Table[],
): LiveView | undefined {
  if (dataset !== undefined) return name === "PARTITIONS" ? partitions(own) : undefined;
  return name === "JOBS" || name === "JOBS_BY_PROJECT" ? jobs(project) : undefined;
}

function viewNamed(
  catalog: Catalog,
  name: string,
  project: string,
  dataset: string | undefined,
  own: Table[],
): View {
  if (name === "SCHEMATA") return schemata(catalog, project);
  if (dataset !== undefined && name === "TABLES") return tables(own);
  if (dataset !== undefined && name === "VIEWS") return views(own);
  if (dataset !== undefined && name === "TABLE_OPTIONS") return tableOptions(own);
  if (dataset !== undefined && name === "COLUMNS") return columns(own);
  throw notImplemented(`INFORMATION_SCHEMA.${name}`);
}

function valuesSql(view: View): string {
  const list = view.columns
    .map(([name, type], i) => `CAST(v.c${i} AS ${duckType(type)}) AS ${ident(name)}`)
    .join(", ");
  const names = view.columns.map((_, i) => `c${i}`).join(", ");
  const rows = view.rows.map((row) => `(${row.map(literal).join(", ")})`);
  const empty = `(${view.columns.map(() => "NULL").join(", ")})`;
  const values = `(VALUES ${rows.length > 0 ? rows.join(", ") : empty}) AS v(${names})`;
  return `(SELECT ${list} FROM ${values}${rows.length > 0 ? "" : " WHERE FALSE"})`;
}

function literal(value: Value): string {
  if (value === null) return "NULL";
  if (value instanceof Date) return quote(value.toISOString().replace("T", " ").replace("Z", ""));
  return typeof value === "string" ? quote(value) : String(value);
}
