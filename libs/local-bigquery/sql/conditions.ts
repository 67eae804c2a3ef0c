import { invalidQuery, notImplemented } from "../errors.ts";
import { asList, at, type Node, only, optional } from "./ast.ts";
import { coerce, coercible, unify } from "./coerce.ts";
import { type Expr, untypedNull } from "./expr.ts";
import { boolean, type Context, lower, lowerAll } from "./lower-expr.ts";
import { comparison } from "./operators.ts";
import { lowerInQuery } from "./subqueries.ts";
import { BOOL } from "./types.ts";

export function lowerIs(context: Context, node: Node, constant: string): Expr {
  const body = only(node, "this", "not");
  const value = boolean(context, body.this, `operator IS ${constant}`);
  return { sql: `(${value} IS ${body.not === true ? "NOT " : ""}${constant})`, type: BOOL };
}

export function lowerCase(context: Context, node: Node): Expr {
  const body = only(node, "operand", "whens", "else_");
  const operand = optional(body.operand, (v) => lower(context, v));
  const whens = asList(body.whens).map((pair) => {
    const [when, then] = asList(pair);
    const test = operand
      ? comparison("=", operand, lower(context, when), "").sql
      : boolean(context, when, "CASE condition");
    return { test, value: lower(context, then) };
  });
  const other = optional(body.else_, (v) => lower(context, v)) ?? untypedNull();
  const { exprs, type } = unify([...whens.map((w) => w.value), other], "CASE");
  const branches = whens.map((w, i) => `WHEN ${w.test} THEN ${exprs[i]?.sql ?? "NULL"}`);
  return { sql: `CASE ${branches.join(" ")} ELSE ${exprs.at(-1)?.sql ?? "NULL"} END`, type };
}

export function lowerIf(context: Context, node: Node): Expr {
  const body = only(node, "condition", "true_value", "false_value");
  const test = boolean(context, body.condition, "IF condition");
  const same = unify([lower(context, body.true_value), lower(context, body.false_value)], "function IF");
  return {
    sql: `CASE WHEN ${test} THEN ${same.exprs[0]?.sql} ELSE ${same.exprs[1]?.sql} END`,
    type: same.type,
  };
}

export function lowerBetween(context: Context, node: Node): Expr {
  const body = only(node, "this", "low", "high", "not");
  const value = lower(context, body.this);
  const where = at(context.analysis.source, node.body);
  const low = comparison(">=", value, lower(context, body.low), where);
  const high = comparison("<=", value, lower(context, body.high), where);
  return { sql: `(${body.not === true ? "NOT " : ""}(${low.sql} AND ${high.sql}))`, type: BOOL };
}

export function lowerIn(context: Context, node: Node): Expr {
  const body = only(node, "this", "expressions", "not", "query", "unnest");
  const value = lower(context, body.this);
  const where = at(context.analysis.source, node.body);
  const negate = (sql: string): Expr => ({ sql: body.not === true ? `(NOT ${sql})` : sql, type: BOOL });
  if (body.query) return negate(lowerInQuery(context, value, body.query, where));
  if (body.unnest) {
    const array = lower(context, body.unnest);
    if (array.type.kind !== "ARRAY")
      throw invalidQuery(
        `Values referenced in UNNEST must be arrays. UNNEST contains expression of type ${array.type.kind}${where}`,
      );
    const element = array.type.element;
    comparison("=", value, { sql: "", type: element }, where);
    const same = coercible(value, element) ? coerce(value, element) : undefined;
    if (!same) throw notImplemented(`IN UNNEST of ${element.kind} for ${value.type.kind}${where}`);
    return negate(`bq.in_array(${same.sql}, ${array.sql})`);
  }
  const tests = lowerAll(context, body.expressions).map((e) => comparison("=", value, e, where).sql);
  return negate(`(${tests.join(" OR ")})`);
}

export function lowerLike(context: Context, node: Node): Expr {
  const body = only(node, "left", "right");
  const [left, right] = [lower(context, body.left), lower(context, body.right)];
  if (left.type.kind !== "STRING" || right.type.kind !== "STRING")
    throw notImplemented(`LIKE on ${left.type.kind} and ${right.type.kind}`);
  return { sql: `(${left.sql} LIKE ${right.sql} ESCAPE '\\')`, type: BOOL };
}
