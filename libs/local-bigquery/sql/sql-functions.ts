import { invalidQuery, notImplemented } from "../errors.ts";
import { type Analysis, type Column, childScope, fresh, type Scope } from "./analysis.ts";
import { asList, only, parseStatement } from "./ast.ts";
import { coerce, coercible } from "./coerce.ts";
import { type Expr, ident, nullOf } from "./expr.ts";
import { callJavaScript } from "./javascript.ts";
import type { Token } from "./lex.ts";
import { type Context, lower } from "./lower-expr.ts";
import { lowerQuery } from "./query.ts";
import type { Routine } from "./routines.ts";
import { makeSource } from "./source.ts";
import { type Type, typeName } from "./types.ts";

/** How deep functions may call functions. */
const DEEPEST = 20;

/** A call of a function, with the body put in its place. The body sees its parameters and nothing else. */
export function inlineFunction(context: Context, made: Routine, args: unknown[], where: string): Expr {
  const columns = bindArguments(context, made, args, where);
  if (made.javascript !== undefined) return callJavaScript(made, columns, where);
  const expr = lowerBody(context.analysis, made, columns);
  if (made.returns === undefined) return { sql: `(${expr.sql})`, type: expr.type, where };
  return { sql: `(${returned(made, expr, made.returns).sql})`, type: made.returns, where };
}

/** The body's value as RETURNS declares it. */
function returned(made: Routine, expr: Expr, type: Type): Expr {
  if (coercible(expr, type)) return coerce(expr, type);
  throw invalidQuery(
    `Function ${made.name} is declared to return ${typeName(type)} but its body produces incompatible type ${typeName(expr.type)}`,
  );
}

/** The arguments of a call under the names of the parameters. */
export function bindArguments(context: Context, made: Routine, args: unknown[], where: string): Column[] {
  const values = args.map((arg) => lower(context, arg));
  const fits = (value: Expr, type: Type | undefined): boolean => type === undefined || coercible(value, type);
  if (values.length !== made.parameters.length || !values.every((v, i) => fits(v, made.parameters[i]?.type)))
    throw invalidQuery(
      `No matching signature for function ${made.name} for argument types: ${values.map((v) => typeName(v.type)).join(", ")}${where}`,
    );
  return made.parameters.map(({ name, type }, i) => {
    const value = values[i] ?? nullOf({ kind: "INT64" });
    const { sql } = type ? coerce(value, type) : value;
    if (/\b(random|uuid)\(/.test(sql)) throw notImplemented(`a call of ${made.name} with a random argument`);
    return { name, type: type ?? value.type, sql };
  });
}

/** What the body of a routine is lowered in: its own text and names, its parameters around it. */
function inside(analysis: Analysis, made: Routine, tokens: Token[], columns: Column[]): Context {
  if (analysis.views.length >= DEEPEST)
    throw invalidQuery(`Function ${made.name} calls itself, or too deeply`);
  const own = made.names ? { ...made.names, functions: new Map() } : {};
  const source = makeSource(made.text, tokens);
  const inner = { ...analysis, ...own, source, params: new Map(), views: [...analysis.views, made.name] };
  const scope: Scope = childScope(undefined);
  scope.relations.push({ alias: null, columns });
  return { analysis: inner, scope };
}

function lowerBody(analysis: Analysis, made: Routine, columns: Column[]): Expr {
  const [first] = made.body;
  if (!first) throw invalidQuery(`Function ${made.name} has no body`);
  const start = { start: first.start, end: first.start };
  const select: Token = { kind: "word", text: "SELECT", value: "SELECT", ...start };
  const context = inside(analysis, made, [select, ...made.body], columns);
  const tree = parseStatement(context.analysis.source);
  const [value, ...more] = asList(only(tree, "expressions").expressions);
  if (value === undefined || more.length > 0)
    throw invalidQuery(`Function ${made.name} needs one expression`);
  const expr = lower(context, value);
  analysis.counter = context.analysis.counter;
  return expr;
}

/** A table function's query with its parameters bound: DuckDB SQL for FROM, and its columns there. */
export function expandTableFunction(
  analysis: Analysis,
  made: Routine,
  columns: Column[],
): { sql: string; columns: Column[] } {
  const context = inside(analysis, made, made.body, columns);
  const tree = parseStatement(context.analysis.source);
  const query = lowerQuery(context.analysis, { [tree.kind]: tree.body }, context.scope);
  analysis.counter = context.analysis.counter;
  const inner = fresh(analysis, "t");
  const outer = fresh(analysis, "t");
  const { returns } = made;
  const declared =
    returns?.kind === "ARRAY" && returns.element.kind === "STRUCT" ? returns.element.fields : undefined;
  if (declared && declared.length !== query.columns.length)
    throw invalidQuery(
      `Table function ${made.name} gives ${query.columns.length} columns, not ${declared.length}`,
    );
  const given = query.columns.map((column, i) => {
    const expr: Expr = { sql: `${inner}.${column.sql}`, type: column.type };
    if (column.literal) expr.literal = column.literal;
    const want = declared?.[i];
    return { name: want ? want.name : column.name, expr: want ? returned(made, expr, want.type) : expr };
  });
  const list = given.map(({ expr }, i) => `${expr.sql} AS c${i}`).join(", ");
  return {
    sql: `(SELECT ${list} FROM (${query.sql}) AS ${inner}) AS ${outer}`,
    columns: given.map(({ name, expr }, i) => ({ name, type: expr.type, sql: `${outer}.${ident(`c${i}`)}` })),
  };
}

/** Throws where the body of a new function or table function does not lower; ANY TYPE parameters are left to its calls. */
export function checkRoutine(analysis: Analysis, made: Routine): void {
  if (made.kind === "PROCEDURE" || made.javascript !== undefined) return;
  const columns: Column[] = [];
  for (const { name, type } of made.parameters) {
    if (type === undefined) return;
    columns.push({ name, type, sql: nullOf(type).sql });
  }
  if (made.kind === "TABLE FUNCTION") {
    const unnamed = expandTableFunction(analysis, made, columns).columns.some((c) => c.name === null);
    if (unnamed) throw invalidQuery(`The columns of table function ${made.name} must be named`);
    return;
  }
  const expr = lowerBody(analysis, made, columns);
  if (made.returns) returned(made, expr, made.returns);
}
