import { invalidQuery, notImplemented } from "../../errors.ts";
import { asNode } from "../ast.ts";
import type { Expr } from "../expr.ts";
import { type Context, lower } from "../lower-expr.ts";
import { DATETIME, TIMESTAMP, typeName } from "../types.ts";
import { readInterval } from "./parts.ts";
import { shift } from "./shift.ts";

/**
 * value + INTERVAL n part, or minus it; undefined where neither side is an INTERVAL. A DATE becomes a DATETIME; a
 * TIMESTAMP takes no part longer than a day.
 */
export function intervalArithmetic(
  context: Context,
  symbol: string,
  left: unknown,
  right: unknown,
  where: string,
): Expr | undefined {
  const [of, by] = symbol === "+" && isInterval(left) ? [right, left] : [left, right];
  if ((symbol !== "+" && symbol !== "-") || !isInterval(by)) return undefined;
  if (isInterval(of)) throw notImplemented(`arithmetic of INTERVAL values${where}`);
  const value = lower(context, of);
  const kind = value.type.kind;
  if (kind !== "DATE" && kind !== "DATETIME" && kind !== "TIMESTAMP")
    throw notImplemented(`operator ${symbol} on ${typeName(value.type)} and INTERVAL${where}`);
  const { count, part } = readInterval(context, by);
  const family = kind === "TIMESTAMP" ? "TIMESTAMP" : "DATETIME";
  const start = `CAST(${value.sql} AS TIMESTAMP)`;
  const made = shift(start, symbol === "+" ? count : `(-${count})`, part, family);
  if (made === undefined)
    throw invalidQuery(`${kind} ${symbol} INTERVAL does not support the ${part} date part${where}`);
  return { sql: `CAST(${made} AS TIMESTAMP)`, type: family === "TIMESTAMP" ? TIMESTAMP : DATETIME, where };
}

function isInterval(value: unknown): boolean {
  return asNode(value).kind === "interval";
}
