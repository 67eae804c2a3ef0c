import { invalidQuery } from "../errors.ts";
import { fresh } from "./analysis.ts";
import { asList, type Node, only } from "./ast.ts";
import { coerce, supertype } from "./coerce.ts";
import type { Expr } from "./expr.ts";
import type { Context } from "./lower-expr.ts";
import { comparison } from "./operators.ts";
import { lowerQuery, soleColumn } from "./query.ts";
import { arrayOf, BOOL } from "./types.ts";

/** (SELECT ...): one value, NULL where there is no row; more than one row is an error of the query. */
export function lowerScalarQuery({ analysis, scope }: Context, node: Node): Expr {
  const query = lowerQuery(analysis, { subquery: node.body }, scope);
  const column = soleColumn(query, "Scalar subquery");
  return { sql: `(${query.sql})`, type: column.type };
}

export function lowerExists({ analysis, scope }: Context, node: Node): Expr {
  const body = only(node, "this", "not");
  const query = lowerQuery(analysis, body.this, scope);
  return { sql: `(${body.not === true ? "NOT " : ""}EXISTS (${query.sql}))`, type: BOOL };
}

/** `value IN (SELECT ...)`, as SQL. */
export function lowerInQuery(
  { analysis, scope }: Context,
  value: Expr,
  query: unknown,
  where: string,
): string {
  const lowered = lowerQuery(analysis, query, scope);
  const column = soleColumn(lowered, "Subquery of type IN");
  const element: Expr = { sql: "", type: column.type };
  comparison("=", value, element, where);
  const type = supertype([value, element]);
  if (type === undefined) throw invalidQuery(`Cannot execute IN subquery with these types${where}`);
  const alias = fresh(analysis, "s");
  const cast = coerce({ sql: `${alias}.${column.sql}`, type: column.type }, type).sql;
  return `(${coerce(value, type).sql} IN (SELECT ${cast} FROM (${lowered.sql}) AS ${alias}))`;
}

/** ARRAY(SELECT ...): in the query's order. */
export function lowerArrayQuery({ analysis, scope }: Context, node: Node): Expr {
  const [value] = asList(only(node, "name", "args").args);
  const query = lowerQuery(analysis, value, scope);
  const column = soleColumn(query, "ARRAY subquery");
  return { sql: `COALESCE(ARRAY(${query.sql}), [])`, type: arrayOf(column.type) };
}
