import { invalidQuery, notImplemented } from "../errors.ts";
import { isObject, objectOr } from "../json.ts";
import {
  type Analysis,
  type Column,
  childScope,
  findColumn,
  findRelation,
  fresh,
  type Scope,
} from "./analysis.ts";
import { asList, asNode, at, type Node, nameOf, only, optional } from "./ast.ts";
import { type Expr, field, pack } from "./expr.ts";
import { lowerFrom } from "./from.ts";
import { boolean, lower, pathOf } from "./lower-expr.ts";
import { orderKeys, readOrderItem } from "./ordering.ts";
import { checkPartitionFilter } from "./partition-filter.ts";
import { lowerPath } from "./paths.ts";
import { limitSql, type OutputColumn, ordered, orderItems, ordinalOf, type Query } from "./query.ts";
import { isGroupable, structOf, typeName } from "./types.ts";

/** One item of the select list after "*" is spread out. */
interface Item {
  name: string | null;
  /** Whether the name was given with AS (only such names can be used in GROUP BY, HAVING, ORDER BY). */
  expr: Expr;
}

const PARTS = [
  "expressions",
  "from",
  "joins",
  "where_clause",
  "group_by",
  "having",
  "qualify",
  "order_by",
  "limit",
  "offset",
  "distinct",
  "with",
  "windows",
  "kind",
];

/** Lowers one SELECT in a scope of its own. */
export function lowerSelect(analysis: Analysis, node: Node, scope: Scope): Query {
  const body = only(node, ...PARTS);
  const from = lowerFrom(analysis, scope, body.from, body.joins);
  const context = { analysis, scope };
  const where = clause(body.where_clause, "WHERE", (v) => boolean(context, v, "WHERE clause"));
  checkPartitionFilter(analysis, scope, objectOr(body.where_clause).this, from + where);
  const windows = asList(body.windows).length > 0 ? refuseWindows() : "";
  const items = asList(body.expressions).flatMap((value) => lowerItem(analysis, scope, value));
  if (items.length === 0) throw invalidQuery("SELECT list must not be empty");
  const inner = aliasScope(scope, items, false);
  const group = lowerGroupBy(analysis, scope, items, body.group_by);
  const having = clause(body.having, "HAVING", (v) =>
    boolean({ analysis, scope: inner }, v, "HAVING clause"),
  );
  const qualify = clause(body.qualify, "QUALIFY", (v) =>
    boolean({ analysis, scope: inner }, v, "QUALIFY clause"),
  );
  const core = (list: string): string =>
    `SELECT ${body.distinct === true ? "DISTINCT " : ""}${list}${from === "" ? "" : ` FROM ${from}`}${where}${group}${having}${windows}${qualify}`;
  return finish(analysis, body, items, aliasScope(scope, items, true), core);
}

function refuseWindows(): never {
  throw notImplemented("WINDOW clause");
}

function clause(value: unknown, word: string, read: (value: unknown) => string): string {
  if (!isObject(value)) return "";
  return ` ${word} ${read(only({ kind: word, body: value }, "this").this)}`;
}

function finish(
  analysis: Analysis,
  body: Record<string, unknown>,
  items: Item[],
  scope: Scope,
  core: (list: string) => string,
): Query {
  const query = shape(analysis, body.kind, items, core);
  if (body.distinct === true) {
    for (const { expr } of items)
      if (!isGroupable(expr.type))
        throw invalidQuery(`Column of type ${typeName(expr.type)} cannot be used in SELECT DISTINCT`);
    return ordered(analysis, query, body.order_by, body.limit, body.offset);
  }
  const keys = orderItems(body.order_by).map((raw) => {
    const item = readOrderItem(raw);
    const index = ordinalOf(item.value, items.length);
    const expr = index === undefined ? lower({ analysis, scope }, item.value) : items[index]?.expr;
    if (expr === undefined) throw invalidQuery("ORDER BY column number is out of range");
    return orderKeys(expr.sql, expr.type, item, at(analysis.source, item.value));
  });
  const order = keys.length > 0 ? ` ORDER BY ${keys.join(", ")}` : "";
  return { ...query, sql: query.sql + order + limitSql(analysis, body.limit, body.offset) };
}

/** The select list: as columns, or as one STRUCT (SELECT AS STRUCT). */
function shape(analysis: Analysis, kind: unknown, items: Item[], core: (list: string) => string): Query {
  if (kind === "STRUCT") {
    const type = structOf(items.map((i) => ({ name: i.name, type: i.expr.type })));
    const name = fresh(analysis, "c");
    return {
      sql: core(`${pack(items.map((i) => i.expr.sql))} AS ${name}`),
      columns: [{ name: null, type, sql: name }],
    };
  }
  if (typeof kind === "string") throw notImplemented(`SELECT AS ${kind}`);
  const columns = items.map(({ name, expr }): OutputColumn => {
    const column: OutputColumn = { name, type: expr.type, sql: fresh(analysis, "c") };
    return expr.literal === "null" ? { ...column, literal: "null" } : column;
  });
  return { sql: core(items.map((item, i) => `${item.expr.sql} AS ${columns[i]?.sql}`).join(", ")), columns };
}

function lowerItem(analysis: Analysis, scope: Scope, value: unknown): Item[] {
  const node = asNode(value);
  if (node.kind === "star") return lowerStar(analysis, scope, node);
  if (node.kind === "alias") {
    const body = only(node, "this", "alias");
    return [{ name: nameOf(body.alias), expr: lower({ analysis, scope }, body.this) }];
  }
  if (node.kind === "dot" && optional(node.body.field, nameOf) === "*") throw notImplemented("expression.*");
  const expr = lower({ analysis, scope }, value);
  return [{ name: expr.name ?? null, expr }];
}

function lowerStar(analysis: Analysis, scope: Scope, node: Node): Item[] {
  const body = only(node, "table", "except", "replace");
  const table = optional(body.table, nameOf);
  let items = table === undefined ? everything(scope) : rowItems(analysis, scope, table, node);
  if (items.length === 0) throw invalidQuery("SELECT * must have a FROM clause");
  for (const value of asList(body.except)) {
    const name = nameOf(value).toLowerCase();
    if (!items.some((i) => i.name?.toLowerCase() === name))
      throw invalidQuery(
        `Column ${nameOf(value)} in SELECT * EXCEPT list does not exist${at(analysis.source, value)}`,
      );
    items = items.filter((i) => i.name?.toLowerCase() !== name);
  }
  for (const value of asList(body.replace)) items = replaceItem(analysis, scope, items, value);
  return items;
}

function replaceItem(analysis: Analysis, scope: Scope, items: Item[], value: unknown): Item[] {
  if (!isObject(value)) throw notImplemented("REPLACE in SELECT *");
  const body = only({ kind: "REPLACE", body: value }, "this", "alias");
  const name = nameOf(body.alias).toLowerCase();
  if (!items.some((i) => i.name?.toLowerCase() === name))
    throw invalidQuery(`Column ${nameOf(body.alias)} in SELECT * REPLACE list does not exist`);
  const expr = lower({ analysis, scope }, body.this);
  return items.map((i) => (i.name?.toLowerCase() === name ? { name: i.name, expr } : i));
}

/** "*": columns merged by USING first, then each item's own. */
function everything(scope: Scope): Item[] {
  const merged = new Set(scope.merged.map((c) => c.name?.toLowerCase()));
  const own = scope.relations.flatMap((r) =>
    r.columns.filter((c) => !c.pseudo && !merged.has(c.name?.toLowerCase() ?? "\0")),
  );
  return [...scope.merged, ...own].map((c) => ({ name: c.name, expr: { sql: c.sql, type: c.type } }));
}

function rowItems(analysis: Analysis, scope: Scope, table: string, node: Node): Item[] {
  const [first = "", ...rest] = table.split(".");
  const relation = rest.length === 0 && !findColumn(scope, first) ? findRelation(scope, first) : undefined;
  const known = relation ?? (rest.length === 0 ? findRelation(scope, first) : undefined);
  if (known)
    return known.columns
      .filter((c) => !c.pseudo)
      .map((c) => ({ name: c.name, expr: { sql: c.sql, type: c.type } }));
  const value = lowerPath(analysis, scope, [first, ...rest], node.body);
  if (value.type.kind !== "STRUCT")
    throw invalidQuery(
      `Dot-star is not supported for type ${typeName(value.type)}${at(analysis.source, node.body)}`,
    );
  return value.type.fields.map((f, i) => ({
    name: f.name,
    expr: { sql: field(value.sql, i), type: f.type },
  }));
}

/** The scope of HAVING, QUALIFY and ORDER BY, where the select list's names are visible; in ORDER BY they hide others. */
function aliasScope(scope: Scope, items: Item[], hiding: boolean): Scope {
  const names = items.flatMap(({ name, expr }) =>
    name === null ? [] : [{ name, sql: expr.sql, type: expr.type }],
  );
  const merged = names.map((item) => {
    const lowerName = item.name.toLowerCase();
    const twins = names.filter((n) => n.name.toLowerCase() === lowerName && n.sql !== item.sql);
    const columns = hiding ? [] : ownColumns(scope, item.name);
    const clash = twins.length > 0 || columns.some((column) => column.sql !== item.sql);
    return clash ? { ...item, refused: `name ${item.name}, which may mean several columns here` } : item;
  });
  return {
    ...childScope(scope.parent, scope.ctes),
    relations: scope.relations,
    merged: [...merged, ...scope.merged],
    from: scope,
  };
}

/** The FROM clause's columns of this name; more than one where it is ambiguous. */
function ownColumns(scope: Scope, name: string): Column[] {
  const named = (column: Column): boolean => column.name?.toLowerCase() === name.toLowerCase();
  const merged = scope.merged.filter(named);
  return merged.length > 0 ? merged : scope.relations.flatMap((r) => r.columns.filter(named));
}

function lowerGroupBy(analysis: Analysis, scope: Scope, items: Item[], value: unknown): string {
  if (!isObject(value)) return "";
  const body = only({ kind: "GROUP BY", body: value }, "expressions");
  const keys = asList(body.expressions).map((key) => groupItem(analysis, scope, items, key));
  return ` GROUP BY ${keys.join(", ")}`;
}

const GROUPINGS = new Set(["ROLLUP", "CUBE", "GROUPING SETS"]);

/** One item of GROUP BY: an expression, ROLLUP(...), CUBE(...) or GROUPING SETS(...). */
function groupItem(analysis: Analysis, scope: Scope, items: Item[], key: unknown): string {
  const node = asNode(key);
  const word = node.kind === "function" ? String(node.body.name).toUpperCase() : "";
  if (!GROUPINGS.has(word)) return groupKey(analysis, scope, items, key);
  const sets = asList(only(node, "name", "args").args).map((set) => {
    const inner = asNode(set);
    if (inner.kind !== "tuple") return groupItem(analysis, scope, items, set);
    const keys = asList(only(inner, "expressions").expressions);
    return `(${keys.map((k) => groupKey(analysis, scope, items, k)).join(", ")})`;
  });
  return `${word} (${sets.join(", ")})`;
}

function groupKey(analysis: Analysis, scope: Scope, items: Item[], key: unknown): string {
  const index = ordinalOf(key, items.length);
  const expr = index === undefined ? groupExpr(analysis, scope, items, key) : items[index]?.expr;
  if (expr === undefined) throw invalidQuery("GROUP BY column number is out of range");
  if (!isGroupable(expr.type))
    throw invalidQuery(
      `Grouping by expressions of type ${typeName(expr.type)} is not allowed${at(analysis.source, key)}`,
    );
  return expr.sql;
}

function groupExpr(analysis: Analysis, scope: Scope, items: Item[], key: unknown): Expr {
  const [name, ...rest] = pathOf(key) ?? [];
  if (name === undefined || rest.length > 0) return lower({ analysis, scope }, key);
  const named = items.filter((i) => i.name?.toLowerCase() === name.toLowerCase());
  const column = ownColumns(scope, name).length > 0 ? lower({ analysis, scope }, key) : undefined;
  const [item, other] = named;
  if (item && other && item.expr.sql !== other.expr.sql && !column)
    throw invalidQuery(
      `Name ${name} in the GROUP BY clause is ambiguous; it may refer to multiple columns in the SELECT-list${at(analysis.source, key)}`,
    );
  if (item && column && item.expr.sql !== column.sql)
    throw notImplemented(`GROUP BY ${name}, which names both a column and another select-list item`);
  return column ?? item?.expr ?? lower({ analysis, scope }, key);
}
