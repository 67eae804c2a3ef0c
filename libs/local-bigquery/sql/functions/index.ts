import { invalidQuery, notImplemented } from "../../errors.ts";
import { stringOr } from "../../json.ts";
import { asList, at, type Node, nameOf, only } from "../ast.ts";
import type { Expr } from "../expr.ts";
import { type Context, lower, pathOf } from "../lower-expr.ts";
import { call, type Signature } from "../signature.ts";
import { inlineFunction } from "../sql-functions.ts";
import { INT64 } from "../types.ts";
import { AGGREGATES, lowerAggregate } from "./aggregates.ts";
import { ARRAY_FUNCTIONS } from "./arrays.ts";
import { BYTES_FUNCTIONS } from "./bytes.ts";
import { DATE_FUNCTIONS, DATE_SPECIALS } from "./dates.ts";
import { format } from "./format.ts";
import { GEOGRAPHY_FUNCTIONS } from "./geographies.ts";
import { INTERVAL_FUNCTIONS, INTERVAL_SPECIALS } from "./intervals.ts";
import { JSON_FUNCTIONS, JSON_SPECIALS } from "./jsons.ts";
import { isKnown } from "./known.ts";
import { MATH_FUNCTIONS } from "./math.ts";
import { PARSE_SPECIALS } from "./parse-times.ts";
import { RANGE_FUNCTIONS, RANGE_SPECIALS } from "./ranges.ts";
import { REGEXP_SPECIALS } from "./regexps.ts";
import { SPELLINGS } from "./spellings.ts";
import { STRING_FUNCTIONS } from "./strings.ts";
import { TIME_SPECIALS } from "./times.ts";

/**
 * THE LOWERING TABLE. A function is lowered if it is here, and refused by name if not.
 * To add one: a line in the file of its family: name, argument types, result type, DuckDB SQL. Its test goes to
 * functions.test.ts beside it. A function that takes more than plain values (a date part, a constant format, ...)
 * goes to that family's SPECIALS; an aggregate to aggregates.ts; a window function to windows.ts.
 */
const FUNCTIONS: Record<string, Signature[]> = {
  ...MATH_FUNCTIONS,
  ...STRING_FUNCTIONS,
  ...BYTES_FUNCTIONS,
  ...ARRAY_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...JSON_FUNCTIONS,
  ...INTERVAL_FUNCTIONS,
  ...RANGE_FUNCTIONS,
  ...GEOGRAPHY_FUNCTIONS,
};

/** A function that reads its arguments' syntax itself. */
export interface FunctionCall {
  context: Context;
  name: string;
  args: unknown[];
  where: string;
}
export type Special = (call: FunctionCall) => Expr;

/** GROUPING(key): 1 in the rows that total over the key. It is named as GROUP BY names it. */
const grouping: Special = ({ context, args, where }) => {
  const [key, ...more] = args;
  if (key === undefined || more.length > 0) throw invalidQuery(`GROUPING takes one argument${where}`);
  const { from } = context.scope;
  return { sql: `GROUPING(${lower(from ? { ...context, scope: from } : context, key).sql})`, type: INT64 };
};

const SPECIALS: Record<string, Special> = {
  GROUPING: grouping,
  FORMAT: format,
  ...DATE_SPECIALS,
  ...JSON_SPECIALS,
  ...REGEXP_SPECIALS,
  ...INTERVAL_SPECIALS,
  ...RANGE_SPECIALS,
  ...TIME_SPECIALS,
  ...PARSE_SPECIALS,
};

/** Whether the table has a function of this upper-case name, whatever its family. */
export function isBuiltIn(name: string): boolean {
  return [FUNCTIONS, SPECIALS, AGGREGATES].some((table) => Object.hasOwn(table, name));
}

/** Name (in capitals), path as written and arguments of a call, whichever node the parser made of it. */
export function readCall(node: Node): { name: string; path: string[]; args: unknown[] } | undefined {
  if (node.kind === "function") {
    const body = only(node, "name", "args", "no_parens", "quoted");
    const name = stringOr(body.name, "");
    return { name: name.toUpperCase(), path: name.split("."), args: asList(body.args) };
  }
  if (node.kind === "method_call") {
    const body = only(node, "this", "method", "args");
    const path = [...(pathOf(body.this) ?? refuseMethod()), nameOf(body.method)];
    const parts = path.flatMap((part) => part.split("."));
    return { name: parts.join(".").toUpperCase(), path: parts, args: asList(body.args) };
  }
  const spelling = SPELLINGS[node.kind];
  if (spelling === undefined) return undefined;
  const body = only(node, ...spelling.args, ...(spelling.ignored ?? []));
  const args = spelling.args.flatMap((part) => {
    const value = body[part];
    return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  });
  return { name: spelling.name, path: [spelling.name], args };
}

function refuseMethod(): never {
  throw notImplemented("a call of what an expression gives");
}

/** Lowers a function call, an aggregate among them. */
export function lowerCall(context: Context, node: Node): Expr {
  const where = at(context.analysis.source, node.body);
  const aggregate = lowerAggregate(context, node, "");
  if (aggregate) return aggregate;
  const found = readCall(node);
  if (found === undefined) throw notImplemented(`${node.kind.replaceAll("_", " ")}${where}`);
  const safe = found.name.startsWith("SAFE.");
  // What is refused while the query runs would be NULL.
  if (found.name.startsWith("SAFE.ST_")) throw notImplemented(`function ${found.name}${where}`);
  const name = safe ? found.name.slice("SAFE.".length) : found.name;
  const path = safe ? found.path.slice(1) : found.path;
  const result = lowerNamed({ context, name, args: found.args, where }, path);
  return safe ? { ...result, sql: `TRY(${result.sql})` } : result;
}

function lowerNamed(found: FunctionCall, path: string[]): Expr {
  const { context, name, args, where } = found;
  const own = context.analysis.functions.get(name);
  if (own) return inlineFunction(context, own, args, where);
  const special = SPECIALS[name];
  if (special) return special(found);
  const signatures = FUNCTIONS[name];
  if (signatures)
    return call(
      name,
      signatures,
      args.map((arg) => lower(context, arg)),
      where,
    );
  if (AGGREGATES[name]) throw invalidQuery(`Aggregate function ${name} not allowed here${where}`);
  if (isKnown(name)) throw notImplemented(`function ${name}${where}`);
  const routine = path.length > 1 ? context.analysis.findRoutine(path) : undefined;
  if (routine?.kind !== "FUNCTION") throw invalidQuery(`Function not found: ${path.join(".")}${where}`);
  return inlineFunction(context, routine, args, where);
}
