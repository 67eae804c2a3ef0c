import { invalidQuery, notImplemented } from "../errors.ts";
import {
  type Analysis,
  type Column,
  childScope,
  columnOf,
  fresh,
  type Relation,
  type Scope,
} from "./analysis.ts";
import { asList, asNode, type Node, nameOf, only } from "./ast.ts";
import { coerce, coercible } from "./coerce.ts";
import { type Expr, quote } from "./expr.ts";
import { lowerAggregate } from "./functions/aggregates.ts";
import { lower, pathOf } from "./lower-expr.ts";
import { isGroupable, STRING } from "./types.ts";

/** A FROM item as SQL, and its columns. */
interface Input {
  sql: string;
  relation: Relation;
}

/** Aggregates that leave NULLs out, so that a value of another column is the same as none. */
const AGGREGATES = new Set(["count", "sum", "avg", "min", "max", "any_value"]);

interface Pivoted {
  /** The alias that the aggregate was given. */
  alias: string | undefined;
  call: Node;
  /** The column it is of; undefined for COUNT(*). */
  column: Column | undefined;
}

/** PIVOT(aggregates FOR column IN (values)): one row for each combination of the other columns. */
export function lowerPivot(analysis: Analysis, node: Node, input: Input): { sql: string; columns: Column[] } {
  const body = only(node, "this", "expressions", "fields", "alias");
  const [field, ...more] = asList(body.fields);
  if (more.length > 0) throw notImplemented("PIVOT over several columns");
  const fieldNode = asNode(field);
  if (fieldNode.kind !== "in") throw notImplemented("this PIVOT");
  const { this: key, expressions } = only(fieldNode, "this", "expressions");
  const keyColumn = columnNamed(input.relation, key);
  const aggregates = asList(body.expressions).map((value) => readAggregate(input.relation, value));
  if (aggregates.length > 1 && aggregates.some((a) => a.alias === undefined))
    throw invalidQuery("PIVOT expression must have an alias when there are several");
  const used = [keyColumn, ...aggregates.flatMap((a) => a.column ?? [])];
  const groups = input.relation.columns.filter((c) => !c.pseudo && !used.includes(c));
  for (const group of groups)
    if (!isGroupable(group.type)) throw invalidQuery(`PIVOT cannot group by column ${group.name}`);
  const duck = fresh(analysis, "t");
  const made = asList(expressions).flatMap((value) => pivotValue(analysis, keyColumn, value, aggregates));
  const all = [...groups.map((g) => ({ name: g.name, expr: { sql: g.sql, type: g.type } })), ...made].map(
    ({ name, expr }) => {
      const own = fresh(analysis, "p");
      return { name, own, expr };
    },
  );
  const by = groups.length > 0 ? ` GROUP BY ${groups.map((g) => g.sql).join(", ")}` : "";
  const list = all.map(({ own, expr }) => `${expr.sql} AS ${own}`).join(", ");
  const columns = all.map(({ name, own, expr }) => ({ name, type: expr.type, sql: `${duck}.${own}` }));
  return { sql: `(SELECT ${list} FROM ${input.sql}${by}) AS ${duck}`, columns };
}

function columnNamed(relation: Relation, value: unknown): Column {
  const path = pathOf(value);
  const name = path?.at(-1);
  if (path === undefined || name === undefined || path.length > 1)
    throw notImplemented("PIVOT of an expression");
  const column = columnOf(relation, name);
  if (!column) throw invalidQuery(`Unrecognized name: ${name}`);
  return column;
}

function readAggregate(relation: Relation, value: unknown): Pivoted {
  const node = asNode(value);
  const aliased = node.kind === "alias" ? only(node, "this", "alias") : undefined;
  const call = aliased ? asNode(aliased.this) : node;
  const alias = aliased && nameOf(aliased.alias);
  if (!AGGREGATES.has(call.kind)) throw notImplemented(`${call.kind} in PIVOT`);
  if (call.body.distinct === true) throw notImplemented("DISTINCT in PIVOT");
  if (call.body.star === true) return { alias, call, column: undefined };
  return { alias, call, column: columnNamed(relation, call.body.this) };
}

/** The columns that one value of the list gives: one for each aggregate. */
function pivotValue(
  analysis: Analysis,
  key: Column,
  value: unknown,
  aggregates: Pivoted[],
): { name: string | null; expr: Expr }[] {
  const node = asNode(value);
  const aliased = node.kind === "pivot_alias" ? only(node, "this", "alias") : undefined;
  const wanted = lower({ analysis, scope: childScope(undefined) }, aliased ? aliased.this : value);
  if (wanted.literal === "null" || !coercible(wanted, key.type))
    throw notImplemented("PIVOT of a NULL or of a value of another type");
  const name = aliased ? (pathOf(aliased.alias)?.at(-1) ?? "") : valueName(wanted);
  const test = `${key.sql} = ${coerce(wanted, key.type).sql}`;
  return aggregates.map(({ alias, call, column }) => {
    const own = column ?? { name: null, type: STRING, sql: quote("x") };
    const scope: Scope = childScope(undefined);
    const relation: Column = { ...own, name: "v", sql: `CASE WHEN ${test} THEN ${own.sql} END` };
    scope.relations.push({ alias: null, columns: [relation] });
    const body = { ...call.body, star: false, this: { column: { name: { name: "v" } } } };
    const expr = lowerAggregate({ analysis, scope }, { kind: call.kind, body }, "");
    if (expr === undefined) throw notImplemented(`${call.kind} in PIVOT`);
    return { name: alias === undefined ? name : `${alias}_${name}`, expr };
  });
}

/** A value's column name, where it needs no alias: text that is a name, or a whole number. */
function valueName(value: Expr): string {
  if (value.literal === "string" && /^[A-Za-z_]\w*$/.test(value.text ?? "")) return value.text ?? "";
  if (value.literal === "int" && /^\d+$/.test(value.text ?? "")) return `_${value.text}`;
  throw notImplemented("PIVOT of this value without an alias");
}

/** UNPIVOT(value FOR name IN (columns)): a row for each column that is not NULL. */
export function lowerUnpivot(
  analysis: Analysis,
  node: Node,
  input: Input,
): { sql: string; columns: Column[] } {
  const body = only(node, "this", "value_column", "name_column", "columns", "alias");
  const picked = asList(body.columns).map((value) => {
    const item = asNode(value);
    const aliased = item.kind === "pivot_alias" ? only(item, "this", "alias") : undefined;
    const column = columnNamed(input.relation, aliased ? aliased.this : value);
    if (!aliased) return { column, label: column.name ?? "" };
    const label = lower({ analysis, scope: childScope(undefined) }, aliased.alias);
    if (label.literal !== "string") throw notImplemented("UNPIVOT with an alias that is no string");
    return { column, label: label.text ?? "" };
  });
  const [first] = picked;
  if (!first) throw invalidQuery("UNPIVOT needs columns");
  if (
    picked.some(({ column }) => column.type.kind !== first.column.type.kind || column.type.kind === "ARRAY")
  )
    throw invalidQuery("The columns of UNPIVOT must have the same type");
  if (first.column.type.kind === "STRUCT") throw notImplemented("UNPIVOT of STRUCT columns");
  const kept = input.relation.columns.filter((c) => !c.pseudo && !picked.some((p) => p.column === c));
  const names = [...kept.map((c) => c.name), nameOf(body.value_column), nameOf(body.name_column)];
  const types = [...kept.map((c) => c.type), first.column.type, STRING];
  const owns = names.map(() => fresh(analysis, "p"));
  const duck = fresh(analysis, "t");
  const branches = picked.map(({ column, label }) => {
    const values = [...kept.map((c) => c.sql), column.sql, quote(label)];
    const list = values.map((sql, i) => `${sql} AS ${owns[i]}`).join(", ");
    return `SELECT ${list} FROM ${input.sql} WHERE ${column.sql} IS NOT NULL`;
  });
  const columns = names.map((name, i) => ({ name, type: types[i] ?? STRING, sql: `${duck}.${owns[i]}` }));
  return { sql: `(${branches.join(" UNION ALL ")}) AS ${duck}`, columns };
}
