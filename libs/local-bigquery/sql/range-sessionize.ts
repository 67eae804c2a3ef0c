import { invalidQuery } from "../errors.ts";
import { type Column, fresh, type Relation } from "./analysis.ts";
import { asList, asNode, type Node, only } from "./ast.ts";
import { ident } from "./expr.ts";
import { type Context, constantText } from "./lower-expr.ts";
import { isGroupable, typeName } from "./types.ts";

/** How ranges join into a session: where they touch, or only where they overlap. */
const STARTS_ANEW: Record<string, string> = { MEETS: ">", OVERLAPS: ">=" };

/** The input of a table function that takes a table: DuckDB SQL for FROM, and its relation. */
export interface TableInput {
  sql: string;
  relation: Relation;
}

/**
 * RANGE_SESSIONIZE(TABLE t, 'range', ['key', ...] [, 'MEETS' | 'OVERLAPS']): the table with one more column, the span of
 * the session that the row's range belongs to.
 */
export function sessionize(context: Context, input: TableInput, args: unknown[], where: string): TableInput {
  const { analysis } = context;
  const [range, keys, mode] = args;
  const name = constantText(context, range) ?? "";
  const own = columnNamed(input.relation, name, where);
  if (own.type.kind !== "RANGE")
    throw invalidQuery(`RANGE_SESSIONIZE needs a RANGE column, but ${name} is ${typeName(own.type)}${where}`);
  const by = keyColumns(context, input.relation, keys, where);
  const anew = STARTS_ANEW[modeOf(context, mode, where)];
  const duck = fresh(analysis, "t");
  const columns = input.relation.columns.map((c, i) => ({ ...c, sql: `${duck}.${ident(`c${i}`)}` }));
  const list = input.relation.columns.map((c, i) => `${c.sql} AS c${i}`);
  const at = (column: Column): string => `c${input.relation.columns.indexOf(column)}`;
  const r = at(own);
  const parts = `PARTITION BY ${["1", ...by.map(at)].join(", ")}`;
  const inOrder = `OVER (${parts} ORDER BY ${r} ROWS BETWEEN UNBOUNDED PRECEDING AND`;
  const span = (f: string, end: string): string => `${f}(${r}.${end}) OVER (${parts}, session)`;
  const sql = `(SELECT *, struct_pack(_0 := ${span("min", "_0")}, _1 := ${span("max", "_1")}) AS session_range
    FROM (SELECT *, sum(anew) ${inOrder} CURRENT ROW) AS session
    FROM (SELECT *, CASE WHEN ${r} IS NULL THEN bq.raise('RANGE_SESSIONIZE of a NULL range is not supported locally')
      WHEN ${r}._0 ${anew} max(${r}._1) ${inOrder} 1 PRECEDING) THEN 1 ELSE 0 END AS anew
    FROM (SELECT ${list.join(", ")} FROM ${input.sql})))) AS ${duck}`;
  columns.push({ name: "session_range", type: own.type, sql: `${duck}.session_range` });
  return { sql, relation: { alias: input.relation.alias, columns } };
}

function columnNamed(relation: Relation, name: string, where: string): Column {
  const found = relation.columns.find((c) => c.name?.toLowerCase() === name.toLowerCase());
  if (found) return found;
  throw invalidQuery(`Column ${name} not found in the input table of RANGE_SESSIONIZE${where}`);
}

function keyColumns(context: Context, relation: Relation, value: unknown, where: string): Column[] {
  const node: Node = asNode(value);
  if (node.kind !== "array_func" && node.kind !== "array")
    throw invalidQuery(
      `RANGE_SESSIONIZE takes its partitioning columns as an array of string literals${where}`,
    );
  return asList(only(node, "expressions", "bracket_notation").expressions).map((item) => {
    const column = columnNamed(relation, constantText(context, item) ?? "", where);
    if (!isGroupable(column.type))
      throw invalidQuery(
        `Partitioning by expressions of type ${typeName(column.type)} is not allowed${where}`,
      );
    return column;
  });
}

function modeOf({ analysis, scope }: Context, value: unknown, where: string): string {
  if (value === undefined) return "MEETS";
  const text = constantText({ analysis, scope }, value) ?? "";
  if (STARTS_ANEW[text.toUpperCase()] === undefined)
    throw invalidQuery(`Could not cast literal "${text}" to type RANGE_SESSIONIZE_MODE${where}`);
  return text.toUpperCase();
}
