import { invalidQuery, notImplemented } from "../errors.ts";
import { isObject, type JsonObject, stringOr } from "../json.ts";
import {
  type Analysis,
  type Column,
  childScope,
  columnOf,
  findColumn,
  fresh,
  type Relation,
  type Scope,
  type TableView,
} from "./analysis.ts";
import { asList, asNode, at, type Node, nameOf, only, optional } from "./ast.ts";
import { coerce, supertype } from "./coerce.ts";
import { type Expr, field, ident } from "./expr.ts";
import { boolean, lower } from "./lower-expr.ts";
import { comparison } from "./operators.ts";
import { lowerPath } from "./paths.ts";
import { lowerPivot, lowerUnpivot } from "./pivot.ts";
import { lowerQuery } from "./query.ts";
import { lowerTableFunction } from "./table-functions.ts";
import { INT64, type Type } from "./types.ts";
import { expandView } from "./views.ts";

/** One FROM item in DuckDB's terms. `lateral` items may use the columns of those before them. */
interface Item {
  sql: string;
  relations: Relation[];
  lateral: boolean;
}

/** Lowers FROM and its joins into `scope`; returns the SQL after FROM. */
export function lowerFrom(analysis: Analysis, scope: Scope, from: unknown, joins: unknown): string {
  if (!isObject(from)) return "";
  let sql = "";
  for (const value of asList(only({ kind: "FROM", body: from }, "expressions").expressions)) {
    const item = lowerItem(analysis, scope, asNode(value));
    sql = sql === "" ? item.sql : `${sql} CROSS JOIN ${item.sql}`;
    addRelations(scope, item.relations);
  }
  for (const join of asList(joins)) sql = lowerJoin(analysis, scope, sql, join);
  return sql;
}

function addRelations(scope: Scope, relations: Relation[]): void {
  for (const relation of relations) {
    const { alias } = relation;
    if (alias !== null && scope.relations.some((r) => r.alias?.toLowerCase() === alias.toLowerCase()))
      throw invalidQuery(`Duplicate table alias ${alias} in the same FROM clause`);
    scope.relations.push(relation);
  }
}

function lowerItem(analysis: Analysis, scope: Scope, node: Node): Item {
  switch (node.kind) {
    case "table":
      return lowerTable(analysis, scope, node);
    case "subquery": {
      const alias = optional(node.body.alias, nameOf) ?? null;
      return lowerDerived(analysis, scope, { ...node.body, alias: null }, alias);
    }
    case "unnest":
      return lowerUnnest(analysis, scope, node, optional(node.body.alias, nameOf) ?? null);
    case "alias": {
      const body = only(node, "this", "alias");
      const inner = asNode(body.this);
      if (inner.kind === "unnest") return lowerUnnest(analysis, scope, inner, nameOf(body.alias));
      if (inner.kind === "subquery") return lowerDerived(analysis, scope, inner.body, nameOf(body.alias));
      if (inner.kind === "table") return lowerTable(analysis, scope, inner, nameOf(body.alias));
      if (inner.kind === "function") return lowerFunction(analysis, scope, inner, nameOf(body.alias));
      throw notImplemented(`${inner.kind} in FROM`);
    }
    case "pivot":
    case "unpivot":
      return lowerPivoted(analysis, scope, node);
    case "function":
      return lowerFunction(analysis, scope, node);
    case "joined_table":
      return lowerJoined(analysis, scope, node);
    default:
      throw notImplemented(`${node.kind} in FROM`);
  }
}

/** A table function, or f(...) AS alias. */
function lowerFunction(analysis: Analysis, scope: Scope, node: Node, alias?: string): Item {
  const made = lowerTableFunction(analysis, scope, node, (inner, own, input) => {
    const { sql, relations } = lowerItem(inner, own, input);
    const [relation] = relations;
    if (relation === undefined) throw notImplemented("this input of a table function");
    return { sql, relation };
  });
  const relation = { ...made.relation, alias: alias ?? made.relation.alias };
  return { sql: made.sql, relations: [relation], lateral: false };
}

function lowerPivoted(analysis: Analysis, scope: Scope, node: Node): Item {
  const inner: Scope = { ...scope, relations: [], merged: [] };
  const item = lowerItem(analysis, inner, asNode(node.body.this));
  const [relation] = item.relations;
  if (relation === undefined || item.lateral)
    throw notImplemented(`${node.kind.toUpperCase()} of this FROM item`);
  const input = { sql: item.sql, relation };
  const made =
    node.kind === "pivot" ? lowerPivot(analysis, node, input) : lowerUnpivot(analysis, node, input);
  const alias = optional(node.body.alias, nameOf) ?? relation.alias;
  return { sql: made.sql, relations: [{ alias, columns: made.columns }], lateral: false };
}

function lowerJoined(analysis: Analysis, scope: Scope, node: Node): Item {
  const body = only(node, "left", "joins");
  const inner: Scope = { ...scope, relations: [], merged: [] };
  const first = lowerItem(analysis, inner, asNode(body.left));
  addRelations(inner, first.relations);
  let sql = first.sql;
  for (const join of asList(body.joins)) sql = lowerJoin(analysis, inner, sql, join);
  scope.merged.push(...inner.merged);
  return { sql: `(${sql})`, relations: inner.relations, lateral: false };
}

function lowerDerived(analysis: Analysis, scope: Scope, subquery: JsonObject, alias: string | null): Item {
  // A derived table sees the names around the whole query, not those of the FROM items beside it.
  const lowered = lowerQuery(analysis, { subquery }, childScope(scope.parent, scope.ctes));
  const duck = fresh(analysis, "t");
  const columns = lowered.columns.map((c) => ({ ...c, sql: `${duck}.${c.sql}` }));
  return { sql: `(${lowered.sql}) AS ${duck}`, relations: [{ alias, columns }], lateral: false };
}

function lowerTable(analysis: Analysis, scope: Scope, node: Node, outerAlias?: string): Item {
  const body = only(node, "name", "schema", "catalog", "alias", "column_aliases");
  if (asList(body.column_aliases).length > 0) throw notImplemented("column aliases of a table");
  const parts = [body.catalog, body.schema, body.name].flatMap((part) => optional(part, nameOf) ?? []);
  const alias = outerAlias ?? optional(body.alias, nameOf);
  const [first, ...rest] = parts;
  if (first !== undefined && rest.length === 0) {
    const cte = scope.ctes.get(first.toLowerCase());
    if (cte) {
      const duck = fresh(analysis, "t");
      const columns = cte.columns.map((c) => ({ name: c.name, type: c.type, sql: `${duck}.${c.duck}` }));
      return {
        sql: `${cte.duck} AS ${duck}`,
        relations: [{ alias: alias ?? first, columns }],
        lateral: false,
      };
    }
  }
  const correlated = correlatedArray(analysis, scope, parts, node);
  if (correlated)
    return unnestItem(analysis, correlated.sql, correlated.type, alias ?? parts.at(-1) ?? null, undefined);
  const table = analysis.findTable(parts);
  analysis.referenced.set(table.duck, table);
  const duck = fresh(analysis, "t");
  const columns = table.columns.map(({ name: column, type, pseudo }): Column => {
    const made: Column = { name: column, type, sql: `${duck}.${ident(column)}` };
    return pseudo ? { ...made, pseudo } : made;
  });
  const name = alias ?? parts.at(-1)?.split(".").at(-1) ?? null;
  const sql = table.view ? expandView(analysis, table, table.view) : table.duck;
  return { sql: `${sql} AS ${duck}`, relations: [filtered({ alias: name, columns }, table)], lateral: false };
}

/** The relation, with the filter that its table asks for. */
export function filtered(relation: Relation, { name, filterOn }: TableView): Relation {
  const column = filterOn === undefined ? undefined : columnOf(relation, filterOn);
  if (!column || filterOn === undefined) return relation;
  const table = `${name.project}.${name.dataset}.${name.table}`;
  return { ...relation, filter: { table, column: filterOn, sql: column.sql } };
}

/** FROM t, t.items: an array column of an item before it. */
function correlatedArray(
  analysis: Analysis,
  scope: Scope,
  parts: string[],
  node: Node,
): { sql: string; type: Type } | undefined {
  const [first, second] = parts;
  if (first === undefined || second === undefined) return undefined;
  for (let level: Scope | undefined = scope; level; level = level.parent) {
    const relation = level.relations.find((r) => r.alias?.toLowerCase() === first.toLowerCase());
    if (relation && columnOf(relation, second)) return lowerPath(analysis, scope, parts, node.body);
  }
  return undefined;
}

function lowerUnnest(analysis: Analysis, scope: Scope, node: Node, alias: string | null): Item {
  const body = only(node, "this", "with_ordinality", "alias", "offset_alias");
  const array = lower({ analysis, scope }, body.this);
  const offset =
    body.with_ordinality === true ? (optional(body.offset_alias, nameOf) ?? "offset") : undefined;
  if (array.type.kind !== "ARRAY")
    throw invalidQuery(
      `Values referenced in UNNEST must be arrays. UNNEST contains expression of type ${array.type.kind}${at(analysis.source, node.body)}`,
    );
  return unnestItem(analysis, array.sql, array.type, alias, offset);
}

function unnestItem(
  analysis: Analysis,
  sql: string,
  type: Type,
  alias: string | null,
  offset: string | undefined,
): Item {
  if (type.kind !== "ARRAY") throw invalidQuery("Values referenced in UNNEST must be arrays");
  const duck = fresh(analysis, "t");
  const element = type.element;
  const value = { sql: `${duck}.v`, type: element };
  const columns: Column[] =
    element.kind === "STRUCT"
      ? element.fields.map((f, i) => ({ name: f.name, type: f.type, sql: field(value.sql, i) }))
      : [{ name: alias, ...value }];
  const relations: Relation[] = [{ alias, columns, value }];
  if (offset !== undefined)
    relations.push({ alias: null, columns: [{ name: offset, type: INT64, sql: `${duck}.o` }] });
  const offsets = offset === undefined ? "" : `, generate_subscripts(${sql}, 1) - 1 AS o`;
  const list = `SELECT unnest(${sql}) AS v${offsets}`;
  return { sql: `LATERAL (${list}) AS ${duck}`, relations, lateral: true };
}

const JOINS: Record<string, string> = {
  Inner: "JOIN",
  Left: "LEFT JOIN",
  Right: "RIGHT JOIN",
  Full: "FULL JOIN",
  Cross: "CROSS JOIN",
  Implicit: "CROSS JOIN",
};

function lowerJoin(analysis: Analysis, scope: Scope, left: string, value: unknown): string {
  if (!isObject(value)) throw notImplemented("this JOIN");
  const body = only(
    { kind: "JOIN", body: value },
    "this",
    "on",
    "using",
    "kind",
    "use_inner_keyword",
    "use_outer_keyword",
  );
  const kind = stringOr(body.kind, "");
  const word = JOINS[kind];
  if (word === undefined) throw notImplemented(`${kind} JOIN`);
  const before = [...scope.relations];
  const item = lowerItem(analysis, scope, asNode(body.this));
  addRelations(scope, item.relations);
  const using = asList(body.using);
  if (word === "CROSS JOIN") {
    if (body.on || using.length > 0) throw invalidQuery("Syntax error: CROSS JOIN takes no join condition");
    return `${left} CROSS JOIN ${item.sql}`;
  }
  if (using.length > 0)
    return `${left} ${word} ${item.sql} ON ${lowerUsing(scope, before, item.relations, using, kind)}`;
  if (item.lateral && !body.on) return `${left} ${word} ${item.sql} ON TRUE`;
  if (!body.on) throw invalidQuery(`Syntax error: Expected keyword ON or keyword USING in ${word}`);
  return `${left} ${word} ${item.sql} ON ${boolean({ analysis, scope }, body.on, "JOIN ON clause")}`;
}

/** USING (k): compares both sides' k, and makes one k of them that hides both. */
function lowerUsing(
  scope: Scope,
  left: Relation[],
  right: Relation[],
  names: unknown[],
  kind: string,
): string {
  const tests = names.map((value) => {
    const name = nameOf(value);
    const bare = (relations: Relation[], merged: Column[]): Expr => {
      const column = findColumn({ relations, merged, parent: undefined, ctes: new Map() }, name);
      if (column) return { sql: column.sql, type: column.type };
      throw invalidQuery(`Column ${name} in USING clause not found on one side of join`);
    };
    const [a, b] = [bare(left, scope.merged), bare(right, [])];
    const type = supertype([a, b]);
    if (type === undefined)
      throw invalidQuery(`Column ${name} in USING has incompatible types on either side of the join`);
    const both = [coerce(a, type).sql, coerce(b, type).sql];
    const sql = kind === "Full" ? `COALESCE(${both.join(", ")})` : kind === "Right" ? both[1] : both[0];
    const merged = { name, type, sql: sql ?? a.sql };
    scope.merged = [...scope.merged.filter((c) => c.name?.toLowerCase() !== name.toLowerCase()), merged];
    return comparison("=", a, b, "").sql;
  });
  return `(${tests.join(" AND ")})`;
}
