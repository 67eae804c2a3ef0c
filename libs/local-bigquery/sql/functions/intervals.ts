import { invalidQuery, notImplemented } from "../../errors.ts";
import { stringOr } from "../../json.ts";
import { asNode, at, type Node, only } from "../ast.ts";
import { coerce, coercible } from "../coerce.ts";
import type { Expr } from "../expr.ts";
import { quote } from "../expr.ts";
import { duckIntervalText, outOfRange, readSpan } from "../interval-text.ts";
import { type Context, constantText, lower } from "../lower-expr.ts";
import { type Signature, sig } from "../signature.ts";
import { DATETIME, INT64, INTERVAL, TIMESTAMP } from "../types.ts";
import type { Special } from "./index.ts";
import { readInterval } from "./parts.ts";
import { shift } from "./shift.ts";

/**
 * value + INTERVAL n part, or minus it; undefined where it is not of this form (interval-arithmetic.ts then has it by
 * the types). A DATE becomes a DATETIME; a TIMESTAMP takes no part longer than a day.
 */
export function intervalArithmetic(
  context: Context,
  symbol: string,
  left: unknown,
  right: unknown,
  where: string,
): Expr | undefined {
  const [of, by] = symbol === "+" && isSimple(left) ? [right, left] : [left, right];
  if ((symbol !== "+" && symbol !== "-") || !isSimple(by) || asNode(of).kind === "interval") return undefined;
  const value = lower(context, of);
  const kind = value.type.kind;
  if (kind !== "DATE" && kind !== "DATETIME" && kind !== "TIMESTAMP") return undefined;
  const { count, part } = readInterval(context, by);
  const family = kind === "TIMESTAMP" ? "TIMESTAMP" : "DATETIME";
  const start = `CAST(${value.sql} AS TIMESTAMP)`;
  const made = shift(start, symbol === "+" ? count : `(-${count})`, part, family);
  if (made === undefined)
    throw invalidQuery(`${kind} ${symbol} INTERVAL does not support the ${part} date part${where}`);
  return { sql: `CAST(${made} AS TIMESTAMP)`, type: family === "TIMESTAMP" ? TIMESTAMP : DATETIME, where };
}

/** INTERVAL n part, with one part. */
function isSimple(value: unknown): boolean {
  const node = asNode(value);
  return node.kind === "interval" && unitOf(node).type === "simple";
}

function unitOf(node: Node): Node["body"] {
  const { unit } = node.body;
  return asNode({ unit }).body;
}

/** What one of each part is: months, days or microseconds. */
const UNITS: Record<string, [field: "months" | "days" | "micros", size: number]> = {
  YEAR: ["months", 12],
  QUARTER: ["months", 3],
  MONTH: ["months", 1],
  WEEK: ["days", 7],
  DAY: ["days", 1],
  HOUR: ["micros", 3_600_000_000],
  MINUTE: ["micros", 60_000_000],
  SECOND: ["micros", 1_000_000],
};

/** INTERVAL as a value: INTERVAL n part, or INTERVAL '1-2 3' YEAR TO DAY. */
export function lowerInterval(context: Context, node: Node): Expr {
  const where = at(context.analysis.source, node.body);
  const unit = unitOf(node);
  if (unit.type === "span") return spanLiteral(context, node, unit, where);
  const { count, part } = readInterval(context, { interval: node.body });
  const [field, size] = UNITS[part] ?? [];
  if (field === undefined) throw invalidQuery(`Invalid interval datetime field ${part}${where}`);
  const fields = (["months", "days", "micros"] as const).map((f) =>
    f === field ? `${count} * ${size}` : "0",
  );
  return { sql: `bq_make_interval(${fields.join(", ")})`, type: INTERVAL, where };
}

function spanLiteral(context: Context, node: Node, unit: Node["body"], where: string): Expr {
  const text = constantText(context, only(node, "this", "unit").this);
  const [from, to] = [unit.this, unit.expression].map((part) => stringOr(part, "").toUpperCase());
  if (text === undefined) throw invalidQuery(`INTERVAL ${from} TO ${to} needs a string literal${where}`);
  if (/\.\d{7}/.test(text)) throw notImplemented(`nanoseconds in an INTERVAL${where}`);
  const value = readSpan(text, from ?? "", to ?? "");
  if (value === undefined) throw invalidQuery(`Invalid INTERVAL value '${text}'${where}`);
  const fault = outOfRange(value);
  if (fault !== undefined) throw invalidQuery(`${fault}${where}`);
  return { sql: `CAST(${quote(duckIntervalText(value))} AS INTERVAL)`, type: INTERVAL, where };
}

const ARGUMENTS = ["year", "month", "day", "hour", "minute", "second"];

/** MAKE_INTERVAL(year, month, day, hour, minute, second): by place or by name, each 0 where it is left out. */
const makeInterval: Special = ({ context, args, name, where }) => {
  const given = new Map<string, string>();
  for (const [i, value] of args.entries()) {
    const node = asNode(value);
    const named = node.kind === "named_argument" ? only(node, "name", "value", "separator") : undefined;
    const key = named ? stringOr(asNode({ name: named.name }).body.name, "").toLowerCase() : ARGUMENTS[i];
    if (key === undefined || !ARGUMENTS.includes(key) || given.has(key))
      throw invalidQuery(
        `Named argument ${key ?? ""} not found in signature for call to function ${name}${where}`,
      );
    const count = lower(context, named ? named.value : value);
    if (!coercible(count, INT64)) throw invalidQuery(`${name} takes INT64 arguments${where}`);
    given.set(key, coerce(count, INT64).sql);
  }
  const [year, month, day, hour, minute, second] = ARGUMENTS.map((key) => given.get(key) ?? "0");
  const micros = `((${hour} * 60 + ${minute}) * 60 + ${second}) * 1000000`;
  return { sql: `bq_make_interval(${year} * 12 + ${month}, ${day}, ${micros})`, type: INTERVAL, where };
};

export const INTERVAL_FUNCTIONS: Record<string, Signature[]> = {
  JUSTIFY_HOURS: [sig("INTERVAL", "INTERVAL", (i) => `bq_justify_hours(${i})`)],
  JUSTIFY_DAYS: [sig("INTERVAL", "INTERVAL", (i) => `bq_justify_days(${i})`)],
  JUSTIFY_INTERVAL: [sig("INTERVAL", "INTERVAL", (i) => `bq_justify_interval(${i})`)],
};

export const INTERVAL_SPECIALS: Record<string, Special> = { MAKE_INTERVAL: makeInterval };

/** What EXTRACT takes out of an INTERVAL, each part with the sign of its count. */
export const INTERVAL_FIELDS: Record<string, (i: string) => string> = {
  YEAR: (i) => `datepart('year', ${i})`,
  MONTH: (i) => `datepart('month', ${i})`,
  DAY: (i) => `datepart('day', ${i})`,
  HOUR: (i) => `datepart('hour', ${i})`,
  MINUTE: (i) => `datepart('minute', ${i})`,
  SECOND: (i) => `datepart('second', ${i})`,
  MILLISECOND: (i) => `(datepart('microsecond', ${i}) % 1000000 // 1000)`,
  MICROSECOND: (i) => `(datepart('microsecond', ${i}) % 1000000)`,
};
