import { invalidQuery } from "../../errors.ts";
import type { Expr } from "../expr.ts";
import { typeName } from "../types.ts";

/** One aggregate call. `over` is the OVER (...) that follows the DuckDB aggregate, or "". */
export interface Call {
  name: string;
  args: Expr[];
  distinct: boolean;
  order: string;
  limit: string | undefined;
  ignoreNulls: boolean;
  over: string;
  where: string;
}

export type Aggregate = (call: Call) => Expr;

export const argument = (call: Call, index = 0): Expr => {
  const arg = call.args[index];
  if (arg === undefined)
    throw invalidQuery(`Number of arguments does not match for aggregate function ${call.name}${call.where}`);
  return arg;
};

export function noMatch(call: Call): Error {
  return invalidQuery(
    `No matching signature for aggregate function ${call.name} for argument types: ${call.args.map((a) => typeName(a.type)).join(", ")}${call.where}`,
  );
}

export const distinct = (call: Call): string => (call.distinct ? "DISTINCT " : "");

/** At most so many of a list. */
export function sliced(sql: string, limit: string | undefined): string {
  return limit === undefined ? sql : `list_slice(${sql}, 1, ${limit})`;
}
