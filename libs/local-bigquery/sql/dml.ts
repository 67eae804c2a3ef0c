import { invalidQuery, notImplemented } from "../errors.ts";
import {
  type Analysis,
  childScope,
  fresh,
  type Relation,
  type Scope,
  type TableColumn,
  type TableView,
} from "./analysis.ts";
import { asList, asNode, at, type Node, nameOf, only, optional } from "./ast.ts";
import { forColumn } from "./coerce.ts";
import { type Expr, ident, nullOf } from "./expr.ts";
import { filtered, lowerFrom } from "./from.ts";
import { boolean, type Context, lower } from "./lower-expr.ts";
import { checkPartitionFilter } from "./partition-filter.ts";
import { lowerQuery } from "./query.ts";
import { duckType, typeName } from "./types.ts";

/** A lowered DML statement. */
export interface Dml {
  kind: "dml";
  statementType: "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE_TABLE";
  target: TableView;
  sql: string;
  /** Run first: a row that it gives means that a target row would be changed twice, which GoogleSQL refuses. */
  check?: string;
  /**
   * For a MERGE with WHEN NOT MATCHED BY SOURCE: counts the rows that it will insert. DuckDB 1.5 corrupts itself when
   * such a MERGE returns its actions, so they are reckoned from this and the table's sizes before and after.
   */
  insertCount?: string;
  /** Cheaper, run before `check`: where it gives no row, no target row can be matched twice. */
  quickCheck?: string;
}

export const TWICE = "UPDATE/MERGE must match at most one source row for each target row";

/** The target table as a relation of its own scope. */
export function targetOf(
  analysis: Analysis,
  node: Node,
  alias?: string,
): { table: TableView; relation: Relation; duck: string } {
  const body = only(node, "name", "schema", "catalog", "alias");
  const parts = [body.catalog, body.schema, body.name].flatMap((part) => optional(part, nameOf) ?? []);
  const table = analysis.findTable(parts);
  if (table.view) throw invalidQuery(`View ${table.name.table} cannot be changed by DML`);
  if (table.readOnly) throw invalidQuery(`Snapshot ${table.name.table} cannot be changed by DML`);
  if (table.duck.startsWith("(")) throw invalidQuery(`${table.name.table} cannot be changed by DML`);
  const duck = fresh(analysis, "t");
  const columns = table.columns.map((c) => ({ name: c.name, type: c.type, sql: `${duck}.${ident(c.name)}` }));
  const name = alias ?? optional(body.alias, nameOf) ?? parts.at(-1)?.split(".").at(-1) ?? null;
  analysis.referenced.set(table.duck, table);
  return { table, relation: filtered({ alias: name, columns }, table), duck };
}

export function columnNamed(table: TableView, name: string, where: string): TableColumn {
  const column = table.columns.find((c) => c.name.toLowerCase() === name.toLowerCase());
  if (column) return column;
  throw invalidQuery(
    `Column ${name} is not present in table ${table.name.project}.${table.name.dataset}.${table.name.table}${where}`,
  );
}

/** A value for a column; DEFAULT is NULL, since columns with a default are refused when made. */
export function assign(context: Context, column: TableColumn, value: unknown): string {
  const node = asNode(value);
  const isDefault = (node.kind === "var" && node.body.this === "DEFAULT") || isBareDefault(node);
  const expr = isDefault ? nullOf(column.type) : lower(context, value);
  return forColumn(
    expr,
    column.type,
    column.name,
    () =>
      `Value of type ${typeName(expr.type)} cannot be assigned to ${column.name}, which has type ${typeName(column.type)}${at(context.analysis.source, value)}`,
  );
}

function isBareDefault(node: Node): boolean {
  return (
    node.kind === "column" &&
    !node.body.table &&
    optional(node.body.name, nameOf)?.toUpperCase() === "DEFAULT"
  );
}

/** The columns and values of an INSERT, filled up with what the others hold: NULL, or the empty array. */
export function fillRow(table: TableView, given: Map<string, string>): { columns: string; values: string } {
  const values = table.columns.map((column) => {
    const value = given.get(column.name);
    if (value !== undefined) return value;
    return column.type.kind === "ARRAY" ? `CAST([] AS ${duckType(column.type)})` : nullOf(column.type).sql;
  });
  return { columns: table.columns.map((c) => ident(c.name)).join(", "), values: values.join(", ") };
}

/** The columns that an INSERT names, or all. */
export function insertColumns(table: TableView, names: unknown): TableColumn[] {
  const listed = asList(names);
  if (listed.length === 0) return table.columns;
  const columns = listed.map((name) => columnNamed(table, nameOf(name), ""));
  if (new Set(columns).size < columns.length) throw invalidQuery("INSERT has columns with duplicate names");
  return columns;
}

export function lowerInsert(analysis: Analysis, node: Node): Dml {
  const body = only(node, "table", "columns", "values", "query");
  const { table } = targetOf(analysis, { kind: "table", body: asBody(body.table) });
  if (!body.query) analysis.referenced.delete(table.duck);
  const columns = insertColumns(table, body.columns);
  const sql = body.query
    ? fromQuery(analysis, table, columns, body.query)
    : fromValues(analysis, table, columns, asList(body.values));
  return { kind: "dml", statementType: "INSERT", target: table, sql };
}

function asBody(value: unknown): Node["body"] {
  return asNode({ table: value }).body;
}

function fromValues(analysis: Analysis, table: TableView, columns: TableColumn[], rows: unknown[]): string {
  const context: Context = { analysis, scope: childScope(undefined) };
  let names = "";
  const lowered = rows.map((row) => {
    const values = asList(row);
    if (values.length !== columns.length)
      throw invalidQuery(
        `Inserted row has wrong column count; Has ${values.length}, expected ${columns.length}`,
      );
    const given = new Map(columns.map((column, i) => [column.name, assign(context, column, values[i])]));
    const filled = fillRow(table, given);
    names = filled.columns;
    return `(${filled.values})`;
  });
  return `INSERT INTO ${table.duck} (${names}) VALUES ${lowered.join(", ")}`;
}

function fromQuery(analysis: Analysis, table: TableView, columns: TableColumn[], value: unknown): string {
  const query = lowerQuery(analysis, value, undefined);
  if (query.columns.length !== columns.length)
    throw invalidQuery(
      `Inserted row has wrong column count; Has ${query.columns.length}, expected ${columns.length}`,
    );
  const alias = fresh(analysis, "q");
  const given = new Map<string, string>();
  for (const [i, column] of columns.entries()) {
    const from = query.columns[i];
    if (from === undefined) continue;
    const expr: Expr = {
      sql: `${alias}.${from.sql}`,
      type: from.type,
      ...(from.literal ? { literal: from.literal } : {}),
    };
    given.set(
      column.name,
      forColumn(
        expr,
        column.type,
        column.name,
        () =>
          `Query column ${i + 1} has type ${typeName(from.type)} which cannot be inserted into column ${column.name}, which has type ${typeName(column.type)}`,
      ),
    );
  }
  const filled = fillRow(table, given);
  return `INSERT INTO ${table.duck} (${filled.columns}) SELECT ${filled.values} FROM (${query.sql}) AS ${alias}`;
}

export function lowerUpdate(analysis: Analysis, node: Node): Dml {
  const body = only(node, "table", "set", "from_clause", "where_clause");
  if (!body.where_clause) throw invalidQuery("UPDATE must have a WHERE clause");
  const target = targetOf(analysis, { kind: "table", body: asBody(body.table) });
  const scope: Scope = childScope(undefined);
  const from = body.from_clause ? lowerFrom(analysis, scope, body.from_clause, []) : "";
  scope.relations.unshift(target.relation);
  const context: Context = { analysis, scope };
  const where = whereOf(context, body.where_clause);
  checkPartitionFilter(analysis, scope, asNode({ where: body.where_clause }).body.this, from + where);
  const seen = new Set<string>();
  const sets = asList(body.set).map((pair) => {
    const [name, value] = asList(pair);
    const column = columnNamed(
      target.table,
      setName(nameOf(name), target.relation),
      at(analysis.source, name),
    );
    if (seen.has(column.name)) throw invalidQuery(`Update item ${column.name} assigned more than once`);
    seen.add(column.name);
    return `${ident(column.name)} = ${assign(context, column, value)}`;
  });
  const tables = from === "" ? "" : ` FROM ${from}`;
  const dml: Dml = {
    kind: "dml",
    statementType: "UPDATE",
    target: target.table,
    sql: `UPDATE ${target.table.duck} AS ${target.duck} SET ${sets.join(", ")}${tables} WHERE ${where}`,
  };
  if (from !== "")
    dml.check = `SELECT 1 FROM ${target.table.duck} AS ${target.duck} CROSS JOIN ${from} WHERE ${where} GROUP BY ${target.duck}.rowid HAVING count(*) > 1 LIMIT 1`;
  return dml;
}

/** SET t.a = ... names the column a of the target t; a field of a column is refused. */
function setName(name: string, target: Relation): string {
  const [first, second, ...rest] = name.split(".");
  if (second === undefined) return name;
  if (rest.length === 0 && first?.toLowerCase() === target.alias?.toLowerCase()) return second;
  throw notImplemented(`SET of the field ${name}`);
}

function whereOf(context: Context, clause: unknown): string {
  return boolean(
    context,
    only({ kind: "WHERE", body: asNode({ where: clause }).body }, "this").this,
    "WHERE clause",
  );
}

export function lowerDelete(analysis: Analysis, node: Node): Dml {
  const body = only(node, "table", "alias", "where_clause", "no_from");
  if (!body.where_clause) throw invalidQuery("DELETE must have a WHERE clause");
  const target = targetOf(
    analysis,
    { kind: "table", body: asBody(body.table) },
    optional(body.alias, nameOf),
  );
  const scope: Scope = childScope(undefined);
  scope.relations.push(target.relation);
  const where = whereOf({ analysis, scope }, body.where_clause);
  checkPartitionFilter(analysis, scope, asNode({ where: body.where_clause }).body.this, where);
  const sql = `DELETE FROM ${target.table.duck} AS ${target.duck} WHERE ${where}`;
  return { kind: "dml", statementType: "DELETE", target: target.table, sql };
}

/** Values in order for a list of columns; throws where the counts differ. */
export function assignAll(context: Context, columns: TableColumn[], values: unknown[]): Map<string, string> {
  if (values.length !== columns.length)
    throw invalidQuery(
      `Inserted row has wrong column count; Has ${values.length}, expected ${columns.length}`,
    );
  return new Map(columns.map((column, i) => [column.name, assign(context, column, values[i])]));
}
