import { invalidQuery } from "../errors.ts";
import { coerce, coercible, supertype } from "./coerce.ts";
import type { Expr } from "./expr.ts";
import {
  arrayOf,
  DATE,
  INT64,
  isGroupable,
  isNumeric,
  isOrdered,
  isRangeElement,
  rangeOf,
  sameType,
  scalarNamed,
  type Type,
  typeName,
} from "./types.ts";

/**
 * One way to call a function: argument types, result type, and the DuckDB SQL made of the arguments' SQL.
 * Types: a scalar's name; T any one type, N a numeric one, O an ordered one, G a groupable one, E one that RANGE takes
 * (the same letter twice: the supertype); ARRAY<...> and RANGE<...> of these. "?" after a type: may be left out; "*": any number more of it.
 */
export interface Signature {
  params: string[];
  result: string;
  lower: (...args: string[]) => string;
}

export function sig(params: string, result: string, lower: (...args: string[]) => string): Signature {
  return { params: params === "" ? [] : params.split(", "), result, lower };
}

interface Match {
  cost: number;
  sql: () => string;
  type: Type;
}

/** Calls a function by the signature that needs the fewest coercions. Throws "No matching signature". */
export function call(name: string, signatures: Signature[], args: Expr[], where: string): Expr {
  const matches = signatures.flatMap((s) => matchSignature(s, args) ?? []);
  const best = matches.reduce<Match | undefined>((a, b) => (a && a.cost <= b.cost ? a : b), undefined);
  if (best) return { sql: best.sql(), type: best.type, where };
  const types = args.map((a) => (a.literal === "null" ? "NULL" : typeName(a.type))).join(", ");
  const supported = signatures.map((s) => `${name}(${s.params.join(", ")})`).join("; ");
  throw invalidQuery(
    `No matching signature for function ${name} for argument types: ${types}. Supported signature: ${supported}${where}`,
  );
}

function paramAt(signature: Signature, index: number): string | undefined {
  const last = signature.params.at(-1);
  const own = signature.params[index] ?? (last?.endsWith("*") ? last : undefined);
  return own?.replace(/[?*]$/, "");
}

function arityFits({ params }: Signature, count: number): boolean {
  const least = params.filter((p) => !/[?*]$/.test(p)).length;
  const most = params.at(-1)?.endsWith("*") ? Number.POSITIVE_INFINITY : params.length;
  return count >= least && count <= most;
}

function matchSignature(signature: Signature, args: Expr[]): Match | undefined {
  if (!arityFits(signature, args.length)) return undefined;
  const variables = bindVariables(signature, args);
  if (variables === undefined) return undefined;
  let cost = 0;
  const sql: string[] = [];
  for (const [i, arg] of args.entries()) {
    const type = resolve(paramAt(signature, i) ?? "", variables);
    if (type === undefined || !coercible(arg, type)) return undefined;
    if (arg.literal !== "null" && !sameType(arg.type, type)) cost += coercionCost(arg.type, type);
    sql.push(coerce(arg, type).sql);
  }
  const type = resolve(signature.result, variables);
  return type && { cost, sql: () => signature.lower(...sql), type };
}

/** An INT64 goes to FLOAT64 rather than NUMERIC where a function takes either: ROUND(1), SAFE_DIVIDE(1, 2). */
function coercionCost(from: Type, to: Type): number {
  return from.kind === "INT64" && to.kind === "FLOAT64" ? 2 : 3;
}

const LETTER = /^(?:(ARRAY|RANGE)<)?([TNOGUE])>?$/;

function bindVariables(signature: Signature, args: Expr[]): Map<string, Type> | undefined {
  const seen = new Map<string, Expr[]>();
  for (const [i, arg] of args.entries()) {
    const param = paramAt(signature, i) ?? "";
    const [, holder, letter] = LETTER.exec(param) ?? [];
    if (letter === undefined) continue;
    const element = holder === undefined ? arg : elementOf(arg, holder);
    if (element === undefined) return undefined;
    seen.set(letter, [...(seen.get(letter) ?? []), element]);
  }
  const bound = new Map<string, Type>();
  for (const [letter, exprs] of seen) {
    const type = supertype(exprs);
    if (type === undefined || !allowed(letter, type)) return undefined;
    bound.set(letter, type);
  }
  return bound;
}

function elementOf(arg: Expr, holder: string): Expr | undefined {
  if (arg.literal === "null") return { ...arg, type: holder === "RANGE" ? DATE : INT64 };
  if (arg.type.kind !== holder) return undefined;
  if (arg.type.kind === "RANGE") return { sql: "", type: { kind: arg.type.element } };
  return arg.type.kind === "ARRAY" ? { sql: "", type: arg.type.element } : undefined;
}

function allowed(letter: string, type: Type): boolean {
  if (letter === "N") return isNumeric(type);
  if (letter === "O") return isOrdered(type);
  if (letter === "E") return isRangeElement(type.kind);
  return letter !== "G" || isGroupable(type);
}

function resolve(text: string, variables: Map<string, Type>): Type | undefined {
  const array = /^ARRAY<(.*)>$/.exec(text);
  if (array) {
    const element = resolve(array[1] ?? "", variables);
    return element && arrayOf(element);
  }
  const range = /^RANGE<(.*)>$/.exec(text);
  if (range) {
    const element = resolve(range[1] ?? "", variables);
    return element && isRangeElement(element.kind) ? rangeOf(element.kind) : undefined;
  }
  return variables.get(text) ?? scalarNamed(text);
}
