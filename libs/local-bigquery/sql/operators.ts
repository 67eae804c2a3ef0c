import { invalidQuery, notImplemented } from "../errors.ts";
import { coerce, coercible, supertype } from "./coerce.ts";
import type { Expr, FloatSum } from "./expr.ts";
import { intervalOperator } from "./interval-arithmetic.ts";
import {
  BOOL,
  BYTES,
  FLOAT64,
  INT64,
  isGroupable,
  isOrdered,
  NUMERIC,
  STRING,
  type Type,
  typeName,
} from "./types.ts";

export interface Operator {
  symbol: string;
  family: "logic" | "comparison" | "arithmetic";
}

/** Binary operators by the parser's node kind. */
export const OPERATORS: Record<string, Operator> = {
  and: { symbol: "AND", family: "logic" },
  or: { symbol: "OR", family: "logic" },
  eq: { symbol: "=", family: "comparison" },
  neq: { symbol: "!=", family: "comparison" },
  lt: { symbol: "<", family: "comparison" },
  lte: { symbol: "<=", family: "comparison" },
  gt: { symbol: ">", family: "comparison" },
  gte: { symbol: ">=", family: "comparison" },
  null_safe_eq: { symbol: "IS NOT DISTINCT FROM", family: "comparison" },
  null_safe_neq: { symbol: "IS DISTINCT FROM", family: "comparison" },
  add: { symbol: "+", family: "arithmetic" },
  sub: { symbol: "-", family: "arithmetic" },
  mul: { symbol: "*", family: "arithmetic" },
  div: { symbol: "/", family: "arithmetic" },
  concat: { symbol: "||", family: "arithmetic" },
  bitwise_and: { symbol: "&", family: "arithmetic" },
  bitwise_or: { symbol: "|", family: "arithmetic" },
  bitwise_xor: { symbol: "^", family: "arithmetic" },
  bitwise_left_shift: { symbol: "<<", family: "arithmetic" },
  bitwise_right_shift: { symbol: ">>", family: "arithmetic" },
};

const shown = (expr: Expr): string => (expr.literal === "null" ? "NULL" : typeName(expr.type));

function mismatch(symbol: string, left: Expr, right: Expr, where: string, supported: string): Error {
  return invalidQuery(
    `No matching signature for operator ${symbol} for argument types: ${shown(left)}, ${shown(right)}. ` +
      `Supported signature: ${supported}${where}`,
  );
}

export function logic(symbol: string, left: Expr, right: Expr, where: string): Expr {
  if (!coercible(left, BOOL) || !coercible(right, BOOL))
    throw mismatch(symbol, left, right, where, `BOOL ${symbol} BOOL`);
  return { sql: `(${coerce(left, BOOL).sql} ${symbol} ${coerce(right, BOOL).sql})`, type: BOOL };
}

/** A comparison. Both sides must have a common type; FLOAT64 compares as IEEE 754 has it. */
export function comparison(symbol: string, left: Expr, right: Expr, where: string): Expr {
  const type = supertype([left, right]);
  const shape = `ANY ${symbol} ANY`;
  const equality = symbol === "=" || symbol === "!=" || symbol.startsWith("IS");
  if (type === undefined || !(equality ? isGroupable(type) : isOrdered(type)))
    throw mismatch(symbol, left, right, where, shape);
  const [a, b] = [coerce(left, type).sql, coerce(right, type).sql];
  if (type.kind === "FLOAT64") return { sql: floatComparison(symbol, a, b, left, right), type: BOOL };
  if (type.kind === "STRUCT" && left.literal !== "null" && right.literal !== "null")
    return { sql: structEquality(symbol, left, right, where), type: BOOL };
  return { sql: `(${a} ${symbol} ${b})`, type: BOOL };
}

function floatComparison(symbol: string, a: string, b: string, left: Expr, right: Expr): string {
  const number = (e: Expr): boolean =>
    e.literal === "int" || e.literal === "float" || e.type.kind !== "FLOAT64";
  if (symbol.startsWith("IS") || (number(left) && number(right))) return `(${a} ${symbol} ${b})`;
  switch (symbol) {
    case "=":
      return `bq.feq(${a}, ${b})`;
    case "!=":
      return `(NOT bq.feq(${a}, ${b}))`;
    case "<":
      return `bq.flt(${a}, ${b})`;
    case "<=":
      return `bq.fle(${a}, ${b})`;
    case ">":
      return `bq.flt(${b}, ${a})`;
    default:
      return `bq.fle(${b}, ${a})`;
  }
}

/** (a, b) = (c, d) is field by field, NULL if one is; only constructors are compared, others are refused. */
function structEquality(symbol: string, left: Expr, right: Expr, where: string): string {
  const [a, b] = [left.parts, right.parts];
  if (a === undefined || b === undefined || symbol.startsWith("IS"))
    throw notImplemented(`${symbol} on STRUCT values${where}`);
  const tests = a.map((part, i) => comparison("=", part, b[i] ?? part, where).sql);
  return `(${symbol === "!=" ? "NOT " : ""}(${tests.join(" AND ")}))`;
}

/** The types that an arithmetic operator takes, in the order in which they are tried. */
function arithmeticType(symbol: string): Type[] {
  switch (symbol) {
    case "/":
      return [NUMERIC, FLOAT64];
    case "||":
      return [STRING, BYTES];
    case "+":
    case "-":
    case "*":
      return [INT64, NUMERIC, FLOAT64];
    default:
      return [INT64];
  }
}

export function arithmetic(symbol: string, left: Expr, right: Expr, where: string): Expr {
  const dates = dateArithmetic(symbol, left, right, where);
  if (dates) return dates;
  if (symbol === "||" && left.type.kind === "ARRAY") return concatArrays(left, right, where);
  const types = arithmeticType(symbol);
  const type = pick(symbol, types, left, right);
  if (type === undefined) {
    const kinds = types.map((t) => `${t.kind} ${symbol} ${t.kind}`).join("; ");
    throw mismatch(symbol, left, right, where, kinds);
  }
  const [a, b] = [coerce(left, type), coerce(right, type)];
  if (type.kind === "FLOAT64" && symbol !== "/") return { ...floatSum(symbol, a, b), where };
  return { sql: arithmeticSql(symbol, type, a.sql, b.sql), type, where };
}

function pick(symbol: string, types: Type[], left: Expr, right: Expr): Type | undefined {
  if (symbol === "/") {
    const numeric = [left, right].some((e) => e.type.kind === "NUMERIC");
    const float = [left, right].some((e) => e.type.kind === "FLOAT64" && e.literal !== "float");
    if (!numeric || float) return bothCoercible(left, right, FLOAT64) ? FLOAT64 : undefined;
  }
  const natural = supertype([left, right]);
  const exact = types.find((t) => natural && t.kind === natural.kind);
  return exact ?? types.find((t) => bothCoercible(left, right, t));
}

const bothCoercible = (left: Expr, right: Expr, type: Type): boolean =>
  coercible(left, type) && coercible(right, type);

/**
 * FLOAT64 arithmetic: an infinite sum of finite values is an error. It is looked for once, around the whole: at each
 * operator, which would name its operands several times, nested ones would grow exponentially.
 */
function floatSum(symbol: string, left: Expr, right: Expr): Expr {
  const [a, b] = [floatParts(left), floatParts(right)];
  const raw = `(${a.raw} ${symbol} ${b.raw})`;
  const leaves = [...new Set([...a.leaves, ...b.leaves])];
  const finite = leaves.map((leaf) => ` AND isfinite(${leaf})`).join("");
  const sql = `CASE WHEN NOT isfinite(${raw})${finite} THEN bq.raise('double overflow') ELSE ${raw} END`;
  return { sql, type: FLOAT64, float: { raw, leaves } };
}

function floatParts({ float, literal, sql }: Expr): FloatSum {
  return float ?? { raw: sql, leaves: literal === "float" || literal === "int" ? [] : [sql] };
}

/** The message names the operands, but for those that are themselves reckoned: it repeats them many times over. */
function floatDivision(a: string, b: string): string {
  const plain = a.length + b.length < 200 && !/\bbq\.|CASE/.test(a + b);
  return plain ? `bq.float_div(${a}, ${b})` : `(${a} / bq.nonzero(${b}))`;
}

function arithmeticSql(symbol: string, type: Type, a: string, b: string): string {
  if (symbol === "/") return type.kind === "NUMERIC" ? `bq.numeric_div(${a}, ${b})` : floatDivision(a, b);
  if (symbol === "*" && type.kind === "NUMERIC") return `CAST(${a} * ${b} AS DECIMAL(38,9))`;
  if (type.kind === "NUMERIC") return `CAST(${a} ${symbol} ${b} AS DECIMAL(38,9))`;
  if (symbol === "^") return `xor(${a}, ${b})`;
  if (symbol === "<<" || symbol === ">>") throw notImplemented(`operator ${symbol}`);
  return `(${a} ${symbol} ${b})`;
}

/** DATE + n days, and what takes or gives INTERVAL values. */
function dateArithmetic(symbol: string, left: Expr, right: Expr, where: string): Expr | undefined {
  const kinds = `${left.type.kind}${symbol}${right.type.kind}`;
  const days = (e: Expr): string => `CAST(${e.sql} AS INTEGER)`;
  if (kinds === "DATE+INT64" || kinds === "DATE-INT64")
    return { sql: `CAST(${left.sql} ${symbol} ${days(right)} AS DATE)`, type: left.type };
  if (kinds === "INT64+DATE") return { sql: `CAST(${right.sql} + ${days(left)} AS DATE)`, type: right.type };
  const made = intervalOperator(symbol, left, right, where);
  if (made) return made;
  if (
    ["DATE", "DATETIME", "TIMESTAMP", "TIME", "INTERVAL"].some(
      (k) => k === left.type.kind || k === right.type.kind,
    )
  )
    throw notImplemented(`operator ${symbol} on ${left.type.kind} and ${right.type.kind}`);
  return undefined;
}

function concatArrays(left: Expr, right: Expr, where: string): Expr {
  const type = supertype([left, right]);
  if (type?.kind !== "ARRAY") throw mismatch("||", left, right, where, "ARRAY || ARRAY");
  const [a, b] = [coerce(left, type).sql, coerce(right, type).sql];
  return { sql: `CASE WHEN ${a} IS NULL OR ${b} IS NULL THEN NULL ELSE list_concat(${a}, ${b}) END`, type };
}
