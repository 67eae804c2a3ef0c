import { invalidQuery, notImplemented } from "../../errors.ts";
import { isObject, stringOr } from "../../json.ts";
import { asList, asNode, at, type Node, only } from "../ast.ts";
import { coerce, coercible } from "../coerce.ts";
import { type Expr, quote } from "../expr.ts";
import { type Context, lower } from "../lower-expr.ts";
import { orderKeys, readOrderItem } from "../ordering.ts";
import {
  arrayOf,
  BOOL,
  FLOAT64,
  INT64,
  isGroupable,
  isNumeric,
  isOrdered,
  NUMERIC,
  STRING,
  type Type,
  typeName,
} from "../types.ts";
import { type Aggregate, argument, type Call, distinct, noMatch, sliced } from "./aggregate-call.ts";
import { RANK_AGGREGATES } from "./rank-aggregates.ts";

/** How the parser spells aggregates: node kind, name, and the parts that are arguments. Others: aggregate_function. */
const NODES: Record<string, { name: string; args: string[] }> = {
  count: { name: "COUNT", args: ["this"] },
  count_if: { name: "COUNTIF", args: ["this"] },
  sum: { name: "SUM", args: ["this"] },
  avg: { name: "AVG", args: ["this"] },
  min: { name: "MIN", args: ["this"] },
  max: { name: "MAX", args: ["this"] },
  any_value: { name: "ANY_VALUE", args: ["this"] },
  array_agg: { name: "ARRAY_AGG", args: ["this"] },
  array_concat_agg: { name: "ARRAY_CONCAT_AGG", args: ["this"] },
  string_agg: { name: "STRING_AGG", args: ["this", "separator"] },
  approx_count_distinct: { name: "APPROX_COUNT_DISTINCT", args: ["this"] },
  bitwise_and_agg: { name: "BIT_AND", args: ["this"] },
  bitwise_or_agg: { name: "BIT_OR", args: ["this"] },
  bitwise_xor_agg: { name: "BIT_XOR", args: ["this"] },
  logical_and: { name: "LOGICAL_AND", args: ["this"] },
  logical_or: { name: "LOGICAL_OR", args: ["this"] },
  stddev: { name: "STDDEV", args: ["this"] },
  stddev_pop: { name: "STDDEV_POP", args: ["this"] },
  stddev_samp: { name: "STDDEV_SAMP", args: ["this"] },
  variance: { name: "VARIANCE", args: ["this"] },
  var_pop: { name: "VAR_POP", args: ["this"] },
  var_samp: { name: "VAR_SAMP", args: ["this"] },
};

function statistic(duck: string): Aggregate {
  return (call) => {
    const value = argument(call);
    if (value.type.kind === "NUMERIC") throw notImplemented(`${call.name} on NUMERIC${call.where}`);
    if (!coercible(value, FLOAT64)) throw noMatch(call);
    return { sql: `${duck}(${distinct(call)}${coerce(value, FLOAT64).sql})${call.over}`, type: FLOAT64 };
  };
}

function boolean(duck: string, type: Type): Aggregate {
  return (call) => {
    const value = argument(call);
    if (!coercible(value, BOOL)) throw noMatch(call);
    return {
      sql: `CAST(${duck}(${distinct(call)}${coerce(value, BOOL).sql})${call.over} AS ${type.kind === "BOOL" ? "BOOLEAN" : "BIGINT"})`,
      type,
    };
  };
}

function bitwise(duck: string): Aggregate {
  return (call) => {
    const value = argument(call);
    if (!coercible(value, INT64)) throw noMatch(call);
    return { sql: `${duck}(${distinct(call)}${coerce(value, INT64).sql})${call.over}`, type: INT64 };
  };
}

/** A statistic of two FLOAT64 values. */
function pair(duck: string): Aggregate {
  return (call) => {
    const values = [argument(call), argument(call, 1)];
    if (values.some((v) => v.type.kind === "NUMERIC"))
      throw notImplemented(`${call.name} on NUMERIC${call.where}`);
    if (!values.every((v) => coercible(v, FLOAT64))) throw noMatch(call);
    return {
      sql: `${duck}(${values.map((v) => coerce(v, FLOAT64).sql).join(", ")})${call.over}`,
      type: FLOAT64,
    };
  };
}

/** MIN and MAX: NaN wins in both, where DuckDB has it greatest. */
function extreme(duck: string): Aggregate {
  return (call) => {
    const value = argument(call);
    if (!isOrdered(value.type)) throw noMatch(call);
    const sql = `${duck}(${value.sql})${call.over}`;
    if (value.type.kind !== "FLOAT64" || duck === "max") return { sql, type: value.type };
    return {
      sql: `CASE WHEN bool_or(isnan(${value.sql}))${call.over} THEN CAST('NaN' AS DOUBLE) ELSE ${sql} END`,
      type: FLOAT64,
    };
  };
}

function count(call: Call): Expr {
  const value = call.args[0];
  if (value && call.distinct && !isGroupable(value.type)) throw noMatch(call);
  return { sql: `count(${value ? distinct(call) + value.sql : "*"})${call.over}`, type: INT64 };
}

function sum(call: Call): Expr {
  const value = argument(call);
  if (!isNumeric(value.type)) throw noMatch(call);
  const raw = `sum(${distinct(call)}${value.sql})${call.over}`;
  if (value.type.kind === "FLOAT64") return { sql: raw, type: FLOAT64 };
  return {
    sql: `CAST(${raw} AS ${value.type.kind === "INT64" ? "BIGINT" : "DECIMAL(38,9)"})`,
    type: value.type,
  };
}

function average(call: Call): Expr {
  const value = argument(call);
  if (!isNumeric(value.type)) throw noMatch(call);
  if (value.type.kind !== "NUMERIC")
    return { sql: `avg(${distinct(call)}${value.sql})${call.over}`, type: FLOAT64 };
  const parts = ["sum", "count"].map(
    (f) => `CAST(${f}(${distinct(call)}${value.sql})${call.over} AS DECIMAL(38,9))`,
  );
  return {
    sql: `CASE WHEN ${parts[1]} <> 0 THEN bq.numeric_div(${parts[0]}, ${parts[1]}) END`,
    type: NUMERIC,
  };
}

function arrayAgg(call: Call): Expr {
  const value = argument(call);
  if (value.type.kind === "ARRAY")
    throw invalidQuery(
      `The argument to ARRAY_AGG must not be an array type but was ${typeName(value.type)}${call.where}`,
    );
  if (call.over !== "" && call.limit !== undefined) throw notImplemented("LIMIT in an analytic ARRAY_AGG");
  const filter = call.ignoreNulls ? ` FILTER (WHERE ${value.sql} IS NOT NULL)` : "";
  const list = `list(${distinct(call)}${value.sql}${call.order})${filter}${call.over}`;
  return { sql: sliced(list, call.limit), type: arrayOf(value.type) };
}

function stringAgg(call: Call): Expr {
  const value = argument(call);
  if (value.type.kind !== "STRING") throw notImplemented(`STRING_AGG of ${value.type.kind}`);
  const separator = call.args[1]?.sql ?? quote(",");
  if (call.limit === undefined)
    return {
      sql: `string_agg(${distinct(call)}${value.sql}, ${separator}${call.order})${call.over}`,
      type: STRING,
    };
  if (call.over !== "") throw notImplemented("LIMIT in an analytic STRING_AGG");
  const list = `list(${distinct(call)}${value.sql}${call.order}) FILTER (WHERE ${value.sql} IS NOT NULL)`;
  return { sql: `array_to_string(${sliced(list, call.limit)}, ${separator})`, type: STRING };
}

/** Every aggregate that is lowered; others are refused by name. */
export const AGGREGATES: Record<string, Aggregate> = {
  ...RANK_AGGREGATES,
  COUNT: count,
  COUNTIF: boolean("count_if", INT64),
  SUM: sum,
  AVG: average,
  MIN: extreme("min"),
  MAX: extreme("max"),
  ANY_VALUE: (call) => ({ sql: `any_value(${argument(call).sql})${call.over}`, type: argument(call).type }),
  ARRAY_AGG: arrayAgg,
  STRING_AGG: stringAgg,
  APPROX_COUNT_DISTINCT: (call) => ({
    sql: `count(DISTINCT ${argument(call).sql})${call.over}`,
    type: INT64,
  }),
  BIT_AND: bitwise("bit_and"),
  BIT_OR: bitwise("bit_or"),
  BIT_XOR: bitwise("bit_xor"),
  COVAR_POP: pair("covar_pop"),
  COVAR_SAMP: pair("covar_samp"),
  LOGICAL_AND: boolean("bool_and", BOOL),
  LOGICAL_OR: boolean("bool_or", BOOL),
  STDDEV: statistic("stddev_samp"),
  STDDEV_SAMP: statistic("stddev_samp"),
  STDDEV_POP: statistic("stddev_pop"),
  VARIANCE: statistic("var_samp"),
  VAR_SAMP: statistic("var_samp"),
  VAR_POP: statistic("var_pop"),
};

const MODIFIERS = ["name", "distinct", "order_by", "limit", "ignore_nulls", "star"];

/** Lowers an aggregate, or gives undefined where the node is none. */
export function lowerAggregate(context: Context, node: Node, over: string): Expr | undefined {
  const spelled = NODES[node.kind];
  if (spelled === undefined && node.kind !== "aggregate_function") return undefined;
  const name = spelled?.name ?? stringOr(node.body.name, "").toUpperCase();
  const where = at(context.analysis.source, node.body);
  const aggregate = AGGREGATES[name];
  if (aggregate === undefined) throw notImplemented(`aggregate function ${name}${where}`);
  const parts = spelled?.args ?? ["args"];
  const body = only(node, ...parts, ...MODIFIERS);
  const { from } = context.scope;
  const inner: Context = from ? { ...context, scope: from } : context;
  const values = parts.flatMap((part) =>
    body[part] === null || body[part] === undefined ? [] : [body[part]],
  );
  const args = (spelled ? values : values.flatMap(asList)).map((arg) => lower(inner, arg));
  const call: Call = {
    name,
    args,
    distinct: body.distinct === true,
    order: orderOf(inner, body.order_by, body.distinct === true),
    limit: isObject(body.limit) ? lower(inner, body.limit).sql : undefined,
    ignoreNulls: body.ignore_nulls === true,
    over,
    where,
  };
  checkModifiers(call);
  return { ...aggregate(call), where };
}

function checkModifiers(call: Call): void {
  const takesOrder = ["ARRAY_AGG", "ARRAY_CONCAT_AGG", "STRING_AGG"].includes(call.name);
  if (!takesOrder && (call.order !== "" || call.limit !== undefined || call.ignoreNulls))
    throw notImplemented(`ORDER BY, LIMIT or IGNORE NULLS in ${call.name}${call.where}`);
  if (call.over !== "" && call.order !== "")
    throw notImplemented(`ORDER BY in an analytic ${call.name}${call.where}`);
}

function orderOf(context: Context, items: unknown, isDistinct: boolean): string {
  const keys = asList(items).map((raw) => {
    const item = readOrderItem(raw);
    const expr = lower(context, item.value);
    asNode(item.value);
    if (isDistinct && expr.type.kind === "FLOAT64")
      throw notImplemented("ORDER BY FLOAT64 in a DISTINCT aggregate");
    return orderKeys(expr.sql, expr.type, item, "");
  });
  return keys.length > 0 ? ` ORDER BY ${keys.join(", ")}` : "";
}
