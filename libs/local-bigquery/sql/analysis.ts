import type { TableName } from "../catalog/names.ts";
import { invalidQuery, notImplemented } from "../errors.ts";
import type { Json } from "../json.ts";
import { at } from "./ast.ts";
import { mapValue } from "./coerce.ts";
import { type Expr, quote } from "./expr.ts";
import type { Routine, RoutineLookup } from "./routines.ts";
import type { Source } from "./source.ts";
import { duckType, type StructType, TIMESTAMP, type Type } from "./types.ts";

/** One column of a table, as the lowering needs it. */
export interface TableColumn {
  name: string;
  type: Type;
  required: boolean;
  /** Can be named, but "*" leaves it out. */
  pseudo?: boolean;
}

/** What the lowering reads of a stored table. */
export interface TableView {
  name: TableName;
  columns: TableColumn[];
  /** DuckDB's name of it, quoted, or a query in parentheses. */
  duck: string;
  /** Set for a view: no stored table, but a query. */
  view?: ViewDefinition;
  /** Set for a snapshot. */
  readOnly?: boolean;
  /** The column on which queries must filter. */
  filterOn?: string;
}

export interface ViewDefinition {
  sql: string;
  /** How it finds what the view's query names. */
  findTable: TableLookup;
  findRoutine: RoutineLookup;
}

/** Finds a table by its path; throws notFound. */
export type TableLookup = (parts: string[]) => TableView;

/** What a "$n" of the lowered SQL stands for: a parameter of the query, or the job's time. */
export type Bind = { kind: "param"; name: string } | { kind: "now" };

/** The state of lowering one statement. */
export interface Analysis {
  source: Source;
  findTable: TableLookup;
  findRoutine: RoutineLookup;
  params: ReadonlyMap<string, Type>;
  binds: Bind[];
  referenced: Map<string, TableView>;
  /** Functions that the script made, by upper-case name. */
  functions: ReadonlyMap<string, Routine>;
  /** DuckDB names of the views and functions that are being expanded, outermost first. */
  views: string[];
  /** Makes relation and column names unique in the lowered SQL. */
  counter: number;
}

export function fresh(analysis: Analysis, prefix: string): string {
  return `${prefix}${analysis.counter++}`;
}

function slot(analysis: Analysis, bind: Bind): string {
  const same = (other: Bind): boolean =>
    bind.kind === "now" ? other.kind === "now" : other.kind === "param" && other.name === bind.name;
  const found = analysis.binds.findIndex(same);
  return `$${found >= 0 ? found + 1 : analysis.binds.push(bind)}`;
}

/** The time at which the job runs: the same in the whole statement. */
export function now(analysis: Analysis): Expr {
  return { sql: `CAST(${slot(analysis, { kind: "now" })} AS TIMESTAMP)`, type: TIMESTAMP };
}

/** A query parameter by its lower-case name. */
export function parameter(analysis: Analysis, name: string, node: unknown): Expr {
  const type = analysis.params.get(name.toLowerCase());
  if (type === undefined) {
    const positional = name.startsWith("__positional_");
    const message = positional
      ? "Positional parameters are not supported or too few were given"
      : `Query parameter '${name}' not found`;
    throw invalidQuery(`${message}${at(analysis.source, node)}`);
  }
  const bound = slot(analysis, { kind: "param", name: name.toLowerCase() });
  return { sql: parameterSql(bound, type), type, literal: "param" };
}

/** A script's variable among the parameters: no parameter's name holds a space. */
export function variableKey(name: string): string {
  return `variable ${name.toLowerCase()}`;
}

/** A bound value as its type: see params.ts for what is bound. */
function parameterSql(bound: string, type: Type): string {
  const nested = type.kind === "ARRAY" || type.kind === "STRUCT" || type.kind === "RANGE";
  if (!nested) return `CAST(${bound} AS ${duckType(type)})`;
  return fromJson(bound, type);
}

/** JSON text as a value of an ARRAY or STRUCT type: fields by position, BYTES as base64, other scalars as text. */
export function fromJson(text: string, type: Type): string {
  const read = `from_json(CAST(${text} AS VARCHAR), ${quote(JSON.stringify(jsonShape(type)))})`;
  const decoded = mapValue(read, type, (sql, t) => (t.kind === "BYTES" ? `from_base64(${sql})` : sql));
  return `CAST(${decoded} AS ${duckType(type)})`;
}

/** The structure that from_json takes; BYTES come as text. */
function jsonShape(type: Type): Json {
  if (type.kind === "ARRAY") return [jsonShape(type.element)];
  if (type.kind === "STRUCT")
    return Object.fromEntries(type.fields.map((f, i) => [`_${i}`, jsonShape(f.type)]));
  if (type.kind === "RANGE") return { _0: "VARCHAR", _1: "VARCHAR" };
  return type.kind === "BYTES" ? "VARCHAR" : duckType(type);
}

export interface Column {
  /** Null for an unnamed one. */
  name: string | null;
  sql: string;
  type: Type;
  /** Set where using the name is refused: what it might mean. */
  refused?: string;
  /** Can be named, but "*" leaves it out. */
  pseudo?: boolean;
}

/** One item of a FROM clause. */
export interface Relation {
  alias: string | null;
  columns: Column[];
  /** Set for a table that must be filtered: by which column, and what that is in DuckDB. */
  filter?: { table: string; column: string; sql: string };
  /** Set for UNNEST: the alias stands for this value, a STRUCT's fields being columns too. */
  value?: Expr;
}

/** The names visible at one level of a query. */
export interface Scope {
  relations: Relation[];
  /** Columns merged by USING: they hide those of the same name. */
  merged: Column[];
  parent: Scope | undefined;
  ctes: ReadonlyMap<string, Cte>;
  /** In HAVING, QUALIFY and ORDER BY: the scope without the select list's names, which aggregates' arguments use. */
  from?: Scope;
}

/** A WITH item: the DuckDB name that it was given, and its columns. */
export interface Cte {
  duck: string;
  columns: { name: string | null; type: Type; duck: string }[];
}

export function childScope(parent: Scope | undefined, ctes?: ReadonlyMap<string, Cte>): Scope {
  return { relations: [], merged: [], parent, ctes: ctes ?? parent?.ctes ?? new Map() };
}

const same = (a: string | null, b: string): boolean => a !== null && a.toLowerCase() === b.toLowerCase();

/** A column by its name alone, or undefined; throws where several have it. */
export function findColumn(scope: Scope, name: string): Column | undefined {
  for (let level: Scope | undefined = scope; level; level = level.parent) {
    const merged = level.merged.find((c) => same(c.name, name));
    if (merged?.refused !== undefined) throw notImplemented(merged.refused);
    if (merged) return merged;
    const found = level.relations.flatMap((r) => r.columns.filter((c) => same(c.name, name)));
    if (found.length > 1) throw invalidQuery(`Column name ${name} is ambiguous`);
    if (found[0]) return found[0];
  }
  return undefined;
}

/** A FROM item by its alias, or undefined. */
export function findRelation(scope: Scope, alias: string): Relation | undefined {
  for (let level: Scope | undefined = scope; level; level = level.parent) {
    const found = level.relations.find((r) => same(r.alias, alias));
    if (found) return found;
  }
  return undefined;
}

/** A column of one FROM item, or undefined; throws where two have the name. */
export function columnOf(relation: Relation, name: string): Column | undefined {
  const found = relation.columns.filter((c) => same(c.name, name));
  if (found.length > 1) throw invalidQuery(`Column name ${name} is ambiguous`);
  return found[0];
}

/** A STRUCT's field by name, or -1; throws where two have it. */
export function fieldIndex(type: StructType, name: string): number {
  const index = type.fields.findIndex((f) => same(f.name, name));
  if (index >= 0 && type.fields.findLastIndex((f) => same(f.name, name)) !== index)
    throw invalidQuery(`Struct field name ${name} is ambiguous`);
  return index;
}
