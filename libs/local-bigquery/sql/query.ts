import { invalidQuery, notImplemented } from "../errors.ts";
import { isObject } from "../json.ts";
import { type Analysis, type Column, type Cte, childScope, fresh, type Scope } from "./analysis.ts";
import { asList, asNode, type Node, nameOf, only, optional } from "./ast.ts";
import { coerce, coercible, supertype } from "./coerce.ts";
import type { Expr } from "./expr.ts";
import { numberLiteral } from "./literals.ts";
import { lower } from "./lower-expr.ts";
import { orderKeys, readOrderItem } from "./ordering.ts";
import { lowerSelect } from "./select.ts";
import { typeName } from "./types.ts";

/** One column of a query's result: its GoogleSQL name (null: unnamed) and the DuckDB name it has in `sql`. */
export interface OutputColumn extends Column {
  /** Set where the column is a bare NULL, which takes the type that its use asks for. */
  literal?: "null";
}

/** A lowered query: DuckDB SQL that gives these columns, in order, by these DuckDB names. */
export interface Query {
  sql: string;
  columns: OutputColumn[];
}

/** Lowers a query expression within an outer scope (for correlated names), or none. */
export function lowerQuery(analysis: Analysis, value: unknown, outer: Scope | undefined): Query {
  const node = asNode(value);
  switch (node.kind) {
    case "select": {
      const { ctes, prefix } = lowerWith(analysis, node.body.with, outer);
      const query = lowerSelect(analysis, node, childScope(outer, ctes));
      return { ...query, sql: prefix + query.sql };
    }
    case "union":
    case "intersect":
    case "except":
      return lowerSetOperation(analysis, node, outer);
    case "subquery":
      return lowerParenthesised(analysis, node, outer);
    default:
      throw notImplemented(`query of kind ${node.kind}`);
  }
}

interface With {
  ctes: ReadonlyMap<string, Cte> | undefined;
  prefix: string;
}

function lowerWith(analysis: Analysis, value: unknown, outer: Scope | undefined): With {
  if (!isObject(value)) return { ctes: undefined, prefix: "" };
  const body = only({ kind: "WITH", body: value }, "ctes", "recursive");
  if (body.recursive === true) throw notImplemented("WITH RECURSIVE");
  const ctes = new Map(outer?.ctes ?? []);
  const parts: string[] = [];
  const own = new Set<string>();
  for (const item of asList(body.ctes)) {
    if (!isObject(item)) continue;
    const cte = only({ kind: "WITH", body: item }, "alias", "this", "alias_first");
    const name = nameOf(cte.alias).toLowerCase();
    if (own.has(name)) throw invalidQuery(`Duplicate alias ${nameOf(cte.alias)} for WITH subquery`);
    own.add(name);
    const query = lowerQuery(analysis, cte.this, childScope(outer, new Map(ctes)));
    const duck = fresh(analysis, "w");
    parts.push(`${duck} AS (${query.sql})`);
    ctes.set(name, {
      duck,
      columns: query.columns.map((c) => ({ name: c.name, type: c.type, duck: c.sql })),
    });
  }
  return { ctes, prefix: `WITH ${parts.join(", ")} ` };
}

function lowerParenthesised(analysis: Analysis, node: Node, outer: Scope | undefined): Query {
  const body = only(node, "this", "order_by", "limit", "offset", "with");
  const { ctes, prefix } = lowerWith(analysis, body.with, outer);
  const scope = ctes ? childScope(outer, ctes) : outer;
  const query = lowerQuery(analysis, body.this, scope);
  if (!body.order_by && !body.limit && !body.offset) return { ...query, sql: `${prefix}(${query.sql})` };
  const outside = ordered(analysis, query, body.order_by, body.limit, body.offset);
  return { ...outside, sql: prefix + outside.sql };
}

const SET_OPERATORS: Record<string, string> = { union: "UNION", intersect: "INTERSECT", except: "EXCEPT" };

function lowerSetOperation(analysis: Analysis, node: Node, outer: Scope | undefined): Query {
  const body = only(node, "left", "right", "all", "distinct", "order_by", "limit", "offset", "with");
  const { ctes, prefix } = lowerWith(analysis, body.with, outer);
  const scope = ctes ? childScope(outer, ctes) : outer;
  const word = SET_OPERATORS[node.kind] ?? "";
  if (body.all !== true && body.distinct !== true)
    throw invalidQuery(`Syntax error: Expected keyword ALL or keyword DISTINCT after ${word}`);
  if (node.kind !== "union" && body.all === true) throw notImplemented(`${word} ALL`);
  const left = lowerQuery(analysis, body.left, scope);
  const right = lowerQuery(analysis, body.right, scope);
  if (left.columns.length !== right.columns.length)
    throw invalidQuery(
      `Queries in ${word} ${body.all ? "ALL" : "DISTINCT"} have mismatched column count; query 1 has ${left.columns.length} column(s), query 2 has ${right.columns.length} column(s)`,
    );
  const columns = mergeColumns(analysis, left, right, word);
  const side = (query: Query, which: 0 | 1): string => {
    const alias = fresh(analysis, "s");
    const list = columns.map((c, i) => {
      const from = query.columns[i];
      const expr: Expr = { sql: `${alias}.${from?.sql}`, type: from?.type ?? c.type };
      if (from?.literal) expr.literal = from.literal;
      return `${coerce(expr, c.type).sql}${which === 0 ? ` AS ${c.sql}` : ""}`;
    });
    return `SELECT ${list.join(", ")} FROM (${query.sql}) AS ${alias}`;
  };
  const sql = `(${side(left, 0)}) ${word}${body.all === true ? " ALL" : ""} (${side(right, 1)})`;
  const merged = ordered(analysis, { sql, columns }, body.order_by, body.limit, body.offset);
  return { ...merged, sql: prefix + merged.sql };
}

function mergeColumns(analysis: Analysis, left: Query, right: Query, word: string): OutputColumn[] {
  return left.columns.map((column, i) => {
    const other = right.columns[i] ?? column;
    const exprs: Expr[] = [column, other].map((c) => ({
      sql: "",
      type: c.type,
      ...(c.literal ? { literal: c.literal } : {}),
    }));
    const type = supertype(exprs);
    if (type === undefined || !exprs.every((e) => coercible(e, type)))
      throw invalidQuery(
        `Column ${i + 1} in ${word} has incompatible types: ${typeName(column.type)}, ${typeName(other.type)}`,
      );
    return { name: column.name, sql: fresh(analysis, "u"), type };
  });
}

/** Puts ORDER BY and LIMIT around a query whose output columns alone can be named in them. */
export function ordered(
  analysis: Analysis,
  query: Query,
  orderBy: unknown,
  limit: unknown,
  offset: unknown,
): Query {
  if (!orderBy && !limit && !offset) return query;
  const alias = fresh(analysis, "q");
  const scope: Scope = childScope(undefined);
  scope.relations.push({
    alias: null,
    columns: query.columns.map((c) => ({ ...c, sql: `${alias}.${c.sql}` })),
  });
  const keys = orderItems(orderBy).map((raw) => {
    const item = readOrderItem(raw);
    const ordinal = ordinalOf(item.value, query.columns.length);
    const column = ordinal === undefined ? undefined : scope.relations[0]?.columns[ordinal];
    const expr = column ?? lower({ analysis, scope }, item.value);
    return orderKeys(expr.sql, expr.type, item, "");
  });
  const order = keys.length > 0 ? ` ORDER BY ${keys.join(", ")}` : "";
  const list = query.columns.map((c) => `${alias}.${c.sql} AS ${c.sql}`).join(", ");
  const tail = limitSql(analysis, limit, offset);
  return { ...query, sql: `SELECT ${list} FROM (${query.sql}) AS ${alias}${order}${tail}` };
}

export function orderItems(orderBy: unknown): unknown[] {
  return isObject(orderBy)
    ? asList(only({ kind: "ORDER BY", body: orderBy }, "expressions").expressions)
    : [];
}

/** A lone integer in ORDER BY or GROUP BY names a column of the select list, from 1. Undefined where it is none. */
export function ordinalOf(value: unknown, count: number): number | undefined {
  const node = asNode(value);
  if (node.kind !== "literal" || node.body.literal_type !== "number") return undefined;
  const { text } = numberLiteral(String(node.body.value));
  const ordinal = Number(text);
  if (!Number.isInteger(ordinal) || ordinal < 1 || ordinal > count)
    throw invalidQuery(
      `ORDER BY or GROUP BY column number ${text} is out of range: the select list has ${count}`,
    );
  return ordinal - 1;
}

/** LIMIT and OFFSET: integer literals or parameters. */
export function limitSql(analysis: Analysis, limit: unknown, offset: unknown): string {
  const part = (word: string, value: unknown): string => {
    if (!isObject(value)) return "";
    const inner = optional(only({ kind: word, body: value }, "this").this, (v) => v);
    const expr = lower({ analysis, scope: childScope(undefined) }, inner);
    if (expr.type.kind !== "INT64" || (expr.literal !== "int" && expr.literal !== "param"))
      throw invalidQuery(`Syntax error: ${word} expects an integer literal or parameter`);
    return ` ${word} ${expr.sql}`;
  };
  return part("LIMIT", limit) + part("OFFSET", offset);
}

/** The columns of a query as a STRUCT or scalar, where it stands as a value. */
export function soleColumn(query: Query, what: string): OutputColumn {
  const [column, ...more] = query.columns;
  if (column === undefined || more.length > 0)
    throw invalidQuery(
      `${what} cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values`,
    );
  return column;
}

/** Names for the result as REST shows it: unnamed columns are f0_, f1_, ..., a second x is x_1. */
export function resultNames(columns: OutputColumn[]): string[] {
  let unnamed = 0;
  const taken = new Map<string, number>();
  return columns.map((column) => {
    const name = column.name ?? `f${unnamed++}_`;
    const twins = taken.get(name.toLowerCase()) ?? 0;
    taken.set(name.toLowerCase(), twins + 1);
    return twins === 0 ? name : `${name}_${twins}`;
  });
}
