import { invalidQuery, notImplemented } from "../../errors.ts";
import { coerce, coercible } from "../coerce.ts";
import type { Expr } from "../expr.ts";
import { arrayOf, FLOAT64, INT64, isOrdered, type Type } from "../types.ts";
import { type Aggregate, argument, type Call, distinct, noMatch, sliced } from "./aggregate-call.ts";

/** The concatenation of the rows' arrays, NULL ones left out. */
function arrayConcatAgg(call: Call): Expr {
  const value = argument(call);
  if (value.type.kind !== "ARRAY") throw noMatch(call);
  if (call.over !== "") throw notImplemented("ARRAY_CONCAT_AGG as an analytic function");
  const lists = `list(${value.sql}${call.order}) FILTER (WHERE ${value.sql} IS NOT NULL)`;
  return { sql: `flatten(${sliced(lists, call.limit)})`, type: value.type };
}

/** MAX_BY(x, key): the x of the row with the greatest key; rows without key are left out. */
function extremeBy(duck: string): Aggregate {
  return (call) => {
    const [value, key] = [argument(call), argument(call, 1)];
    if (!isOrdered(key.type)) throw noMatch(call);
    if (key.type.kind === "FLOAT64") throw notImplemented(`${call.name} by a FLOAT64${call.where}`);
    return { sql: `${duck}(${value.sql}, ${key.sql})${call.over}`, type: value.type };
  };
}

/** The least value, those that cut the rest into n parts, and the greatest: exact, which "approximate" allows. */
function approxQuantiles(call: Call): Expr {
  const [value, parts] = [argument(call), argument(call, 1)];
  if (!isOrdered(value.type) || !coercible(parts, INT64)) throw noMatch(call);
  if (call.over !== "") throw notImplemented("APPROX_QUANTILES as an analytic function");
  const n = Number(parts.text);
  if (!Number.isInteger(n) || n < 1)
    throw notImplemented("APPROX_QUANTILES with a number that is no literal");
  const sorted = `list_sort(list(${distinct(call)}${value.sql}) FILTER (WHERE ${value.sql} IS NOT NULL))`;
  const cuts = Array.from({ length: n + 1 }, (_, i) => i);
  const items = cuts.map((i) => `s[greatest(1, (${i} * len(s) + ${n - 1}) // ${n})]`);
  return {
    sql: `list_transform([${sorted}], lambda s: CASE WHEN s IS NOT NULL THEN [${items.join(", ")}] END)[1]`,
    type: arrayOf(value.type),
  };
}

/** PERCENTILE_CONT and PERCENTILE_DISC, which are analytic only; NULLs are left out. */
function percentile(duck: string, type: Type | undefined): Aggregate {
  return (call) => {
    const [value, at] = [argument(call), argument(call, 1)];
    const share = Number(at.text);
    if (call.over === "")
      throw invalidQuery(`Aggregate function ${call.name} needs an OVER clause${call.where}`);
    if (value.type.kind === "NUMERIC") throw notImplemented(`${call.name} on NUMERIC${call.where}`);
    if (type ? !coercible(value, type) : !isOrdered(value.type)) throw noMatch(call);
    if (at.text === undefined || !(share >= 0 && share <= 1))
      throw notImplemented(`${call.name} with a percentile that is no literal from 0 to 1${call.where}`);
    const by = type ? coerce(value, type) : value;
    if (by.type.kind === "FLOAT64" && !type) throw notImplemented(`${call.name} of a FLOAT64${call.where}`);
    return { sql: `${duck}(${by.sql}, ${share})${call.over}`, type: by.type };
  };
}

/** Aggregates that pick by order, and the one that joins arrays. */
export const RANK_AGGREGATES: Record<string, Aggregate> = {
  APPROX_QUANTILES: approxQuantiles,
  ARRAY_CONCAT_AGG: arrayConcatAgg,
  MAX_BY: extremeBy("arg_max_null"),
  MIN_BY: extremeBy("arg_min_null"),
  PERCENTILE_CONT: percentile("quantile_cont", FLOAT64),
  PERCENTILE_DISC: percentile("quantile_disc", undefined),
};
