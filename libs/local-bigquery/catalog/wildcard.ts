import { notFound, notImplemented } from "../errors.ts";
import type { TableColumn, TableView } from "../sql/analysis.ts";
import { ident, quote } from "../sql/expr.ts";
import { duckType, STRING, sameType } from "../sql/types.ts";
import { type Catalog, viewOf, viewQuery } from "./catalog.ts";
import { legacyName, type TableName } from "./names.ts";

/**
 * `events_*`: all tables of the dataset whose names begin so, as one, with the pseudo column _TABLE_SUFFIX. The latest
 * table's schema is that of all; a column that an older table lacks is NULL there.
 */
export function wildcardTable(catalog: Catalog, name: TableName): TableView {
  const prefix = name.table.slice(0, -1);
  const tables = catalog
    .tablesOf(name.project, name.dataset)
    .filter((t) => t.name.table.startsWith(prefix) && viewQuery(t) === undefined)
    .sort((a, b) => a.created - b.created);
  const latest = tables.at(-1);
  if (latest === undefined) throw notFound(`Table ${legacyName(name)} does not match any table.`);
  const { columns } = viewOf(latest);
  const parts = tables.map((table) => {
    const view = viewOf(table);
    const list = columns.map((column) => columnSql(view, column));
    const suffix = quote(table.name.table.slice(prefix.length));
    return `SELECT ${[...list, `${suffix} AS "_TABLE_SUFFIX"`].join(", ")} FROM ${view.duck}`;
  });
  return {
    name,
    columns: [...columns, { name: "_TABLE_SUFFIX", type: STRING, required: false, pseudo: true }],
    duck: `(${parts.join(" UNION ALL ")})`,
  };
}

function columnSql(view: TableView, column: TableColumn): string {
  const own = view.columns.find((c) => c.name.toLowerCase() === column.name.toLowerCase());
  if (own && !sameType(own.type, column.type))
    throw notImplemented(`a wildcard over tables whose column ${column.name} differs in type`);
  const value = own ? ident(own.name) : `CAST(NULL AS ${duckType(column.type)})`;
  return `${value} AS ${ident(column.name)}`;
}
