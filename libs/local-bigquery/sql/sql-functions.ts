import { invalidQuery, notImplemented } from "../errors.ts";
import { type Analysis, childScope } from "./analysis.ts";
import { asList, only, parseStatement } from "./ast.ts";
import { coerce, coercible } from "./coerce.ts";
import type { Expr } from "./expr.ts";
import type { Token } from "./lex.ts";
import { type Context, lower } from "./lower-expr.ts";
import { makeSource } from "./source.ts";
import { type Type, typeName } from "./types.ts";

/** A function that a script defines in SQL: CREATE TEMP FUNCTION name(parameters) AS (expression). */
export interface SqlFunction {
  name: string;
  parameters: { name: string; type: Type }[];
  /** The type given by RETURNS, or that of the body. */
  returns: Type | undefined;
  /** The script's text, and the tokens of the body in it. */
  text: string;
  body: Token[];
}

/** How deep functions may call functions. */
const DEEPEST = 20;

/** A call, with the body put in its place. The body sees its parameters and nothing else. */
export function inlineFunction(context: Context, made: SqlFunction, args: unknown[], where: string): Expr {
  const { analysis } = context;
  if (analysis.views.length >= DEEPEST)
    throw invalidQuery(`Function ${made.name} calls itself, or too deeply`);
  const values = args.map((arg) => lower(context, arg));
  if (values.length !== made.parameters.length || !values.every((v, i) => fits(v, made.parameters[i]?.type)))
    throw invalidQuery(
      `No matching signature for function ${made.name} for argument types: ${values.map((v) => typeName(v.type)).join(", ")}${where}`,
    );
  const columns = made.parameters.map(({ name, type }, i) => {
    const value = values[i];
    const sql = value ? coerce(value, type).sql : "NULL";
    if (/\b(random|uuid)\(/.test(sql)) throw notImplemented(`a call of ${made.name} with a random argument`);
    return { name, type, sql };
  });
  const expr = lowerBody(analysis, made, columns);
  if (made.returns === undefined) return { sql: `(${expr.sql})`, type: expr.type, where };
  if (!coercible(expr, made.returns))
    throw invalidQuery(
      `Function declared to return ${typeName(made.returns)} but the function body produces incompatible type ${typeName(expr.type)}`,
    );
  return { sql: `(${coerce(expr, made.returns).sql})`, type: made.returns, where };
}

function fits(value: Expr, type: Type | undefined): boolean {
  return type !== undefined && coercible(value, type);
}

function lowerBody(
  analysis: Analysis,
  made: SqlFunction,
  columns: { name: string; type: Type; sql: string }[],
): Expr {
  const [first] = made.body;
  if (!first) throw invalidQuery(`Function ${made.name} has no body`);
  const select: Token = {
    kind: "word",
    text: "SELECT",
    value: "SELECT",
    start: first.start,
    end: first.start,
  };
  const source = makeSource(made.text, [select, ...made.body]);
  const inner: Analysis = { ...analysis, source, params: new Map(), views: [...analysis.views, made.name] };
  const [value, ...more] = asList(only(parseStatement(source), "expressions").expressions);
  if (value === undefined || more.length > 0)
    throw invalidQuery(`Function ${made.name} needs one expression`);
  const scope = childScope(undefined);
  scope.relations.push({ alias: null, columns });
  const expr = lower({ analysis: inner, scope }, value);
  analysis.counter = inner.counter;
  return expr;
}
