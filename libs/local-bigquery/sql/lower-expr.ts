import { invalidQuery, notImplemented } from "../errors.ts";
import { stringOr } from "../json.ts";
import { type Analysis, parameter, type Scope } from "./analysis.ts";
import { asList, asNode, at, type Node, nameOf, offsetOf, only, optional } from "./ast.ts";
import { lowerCast } from "./casts.ts";
import { coerce, coercible, unify } from "./coerce.ts";
import { lowerBetween, lowerCase, lowerIf, lowerIn, lowerIs, lowerLike } from "./conditions.ts";
import { type Expr, pack, untypedNull } from "./expr.ts";
import { lowerExtract } from "./functions/extract.ts";
import { lowerCall } from "./functions/index.ts";
import { intervalArithmetic, lowerInterval } from "./functions/intervals.ts";
import { lowerWindow } from "./functions/windows.ts";
import { place } from "./lex.ts";
import { lowerLiteral, textLiteral, tokenOf } from "./literals.ts";
import { arithmetic, comparison, logic, OPERATORS } from "./operators.ts";
import { lowerField, lowerPath } from "./paths.ts";
import { lowerArrayQuery, lowerExists, lowerScalarQuery } from "./subqueries.ts";
import { lowerSubscript } from "./subscripts.ts";
import { arrayOf, BOOL, duckType, INT64, structOf } from "./types.ts";

/** What lowering an expression needs: the statement's state and the names in sight. */
export interface Context {
  analysis: Analysis;
  scope: Scope;
}

type Lowering = (context: Context, node: Node) => Expr;

/** Every expression node that is lowered, but for function calls (functions/). Anything else is refused by name. */
const LOWERINGS: Record<string, Lowering> = {
  literal: ({ analysis }, node) => lowerLiteral(analysis, node),
  null: () => untypedNull(),
  boolean: (_, node) => ({ sql: only(node, "value").value === true ? "TRUE" : "FALSE", type: BOOL }),
  column: lowerColumn,
  identifier: (context, node) => lowerPath(context.analysis, context.scope, [nameOf(node.body)], node.body),
  dot: lowerDot,
  paren: (context, node) => {
    const inner = lower(context, only(node, "this").this);
    return { ...inner, sql: `(${inner.sql})` };
  },
  alias: () => refuse("an alias here"),
  cast: (context, node) => lowerCast(context, node, false),
  safe_cast: (context, node) => lowerCast(context, node, true),
  try_cast: () => refuse("TRY_CAST"),
  case: lowerCase,
  if_func: lowerIf,
  coalesce: (context, node) => {
    const exprs = lowerAll(context, only(node, "expressions").expressions);
    const same = unify(exprs, `function ${stringOr(node.body.original_name, "COALESCE")}`);
    return { sql: `COALESCE(${same.exprs.map((e) => e.sql).join(", ")})`, type: same.type };
  },
  between: lowerBetween,
  in: lowerIn,
  is_null: (context, node) => {
    const body = only(node, "this", "not");
    return {
      sql: `(${lower(context, body.this).sql} IS ${body.not === true ? "NOT " : ""}NULL)`,
      type: BOOL,
    };
  },
  is_true: (context, node) => lowerIs(context, node, "TRUE"),
  is_false: (context, node) => lowerIs(context, node, "FALSE"),
  like: lowerLike,
  not: (context, node) => {
    const value = boolean(context, only(node, "this").this, "operator NOT");
    return { sql: `(NOT ${value})`, type: BOOL };
  },
  neg: lowerNegation,
  array: (context, node) => lowerArray(context, only(node, "expressions").expressions),
  array_func: (context, node) =>
    lowerArray(context, only(node, "expressions", "bracket_notation").expressions),
  struct: (context, node) => {
    const parts = asList(only(node, "fields").fields).map((f) => lower(context, asList(f)[1]));
    return makeStruct(
      parts,
      parts.map(() => null),
    );
  },
  tuple: (context, node) => {
    const parts = lowerAll(context, only(node, "expressions").expressions);
    return makeStruct(
      parts,
      parts.map(() => null),
    );
  },
  subscript: lowerSubscript,
  subquery: lowerScalarQuery,
  exists: lowerExists,
  window_function: lowerWindow,
  interval: lowerInterval,
  extract: (context, node) => {
    const body = only(node, "this", "field");
    return lowerExtract(context, body.this, body.field, at(context.analysis.source, node.body));
  },
  ...Object.fromEntries(
    Object.entries(OPERATORS).map(([kind, operator]) => [
      kind,
      (context: Context, node: Node): Expr => {
        const body = only(node, "left", "right");
        const shifted = intervalArithmetic(
          context,
          operator.symbol,
          body.left,
          body.right,
          at(context.analysis.source, node.body),
        );
        if (shifted) return shifted;
        const left = lower(context, body.left);
        const right = lower(context, body.right);
        const where = at(context.analysis.source, node.body);
        if (operator.family === "logic") return logic(operator.symbol, left, right, where);
        if (operator.family === "comparison") return comparison(operator.symbol, left, right, where);
        return arithmetic(operator.symbol, left, right, where);
      },
    ]),
  ),
};

function refuse(what: string): never {
  throw notImplemented(what);
}

/** Lowers one expression. Throws invalidQuery where GoogleSQL refuses it, notImplemented where this lowering does. */
export function lower(context: Context, value: unknown): Expr {
  const node = asNode(value);
  if (node.kind === "function" && stringOr(node.body.name, "").toUpperCase() === "ARRAY")
    return lowerArrayQuery(context, node);
  if (node.kind === "function" && stringOr(node.body.name, "").toUpperCase() === "STRUCT")
    return lowerStructCall(context, node);
  const lowering = LOWERINGS[node.kind];
  return lowering ? lowering(context, node) : lowerCall(context, node);
}

export function lowerAll(context: Context, values: unknown): Expr[] {
  return asList(values).map((value) => lower(context, value));
}

/** Lowers an expression that must be a BOOL; returns its SQL. */
export function boolean(context: Context, value: unknown, what: string): string {
  const expr = lower(context, value);
  if (!coercible(expr, BOOL))
    throw invalidQuery(
      `${what} should return type BOOL, but returns ${expr.type.kind}${at(context.analysis.source, value)}`,
    );
  return coerce(expr, BOOL).sql;
}

/** The names of a path: a, a.b, a.b.c, or undefined where it is none. */
export function pathOf(value: unknown): string[] | undefined {
  const node = asNode(value);
  if (node.kind === "column") {
    const name = nameOf(node.body.name);
    const table = optional(node.body.table, nameOf);
    return table === undefined ? [name] : [table, name];
  }
  if (node.kind === "identifier") return [nameOf(node.body)];
  if (node.kind !== "dot") return undefined;
  const inner = pathOf(node.body.this);
  return inner && [...inner, nameOf(node.body.field)];
}

function lowerColumn(context: Context, node: Node): Expr {
  const body = only(node, "name", "table");
  const name = nameOf(body.name);
  if (name.startsWith("@")) return parameter(context.analysis, name.slice(1), node.body);
  const table = optional(body.table, nameOf);
  if (table?.startsWith("@"))
    return lowerField(parameter(context.analysis, table.slice(1), node.body), name, "");
  return lowerPath(context.analysis, context.scope, table === undefined ? [name] : [table, name], node.body);
}

function lowerDot(context: Context, node: Node): Expr {
  const body = only(node, "this", "field");
  const path = pathOf({ dot: node.body });
  const first = path?.[0];
  if (path && first !== undefined && !first.startsWith("@"))
    return lowerPath(context.analysis, context.scope, path, node.body);
  return lowerField(lower(context, body.this), nameOf(body.field), at(context.analysis.source, node.body));
}

const MINUS_ONE: Expr = { sql: "CAST(-1 AS BIGINT)", type: INT64, literal: "int", text: "-1" };

function lowerNegation(context: Context, node: Node): Expr {
  if (isLeastInt64(node.body.this))
    return {
      sql: "CAST('-9223372036854775808' AS BIGINT)",
      type: INT64,
      literal: "int",
      text: "-9223372036854775808",
    };
  const value = lower(context, only(node, "this").this);
  if (value.type.kind === "INTERVAL") return arithmetic("*", value, MINUS_ONE, "");
  if (value.literal === "int" || value.literal === "float") {
    const text = `-${value.text}`;
    const sql = value.literal === "int" ? `CAST(${text} AS BIGINT)` : `CAST('${text}' AS DOUBLE)`;
    return { ...value, sql, text };
  }
  return arithmetic("-", { sql: "CAST(0 AS BIGINT)", type: INT64, literal: "int", text: "0" }, value, "");
}

/** 9223372036854775808 is no INT64 by itself. */
function isLeastInt64(value: unknown): boolean {
  const node = asNode(value);
  return (
    node.kind === "literal" &&
    node.body.literal_type === "number" &&
    node.body.value === "9223372036854775808"
  );
}

function lowerArray(context: Context, values: unknown): Expr {
  const parts = lowerAll(context, values);
  if (parts.length === 0)
    return { sql: "CAST([] AS BIGINT[])", type: arrayOf(INT64), literal: "array", parts };
  const { exprs, type } = unify(parts, "array constructor");
  if (type.kind === "ARRAY")
    throw invalidQuery(
      "Cannot construct array with element type ARRAY because nested arrays are not supported",
    );
  const list = exprs.map((e) => e.sql).join(", ");
  return {
    sql: `CAST([${list}] AS ${duckType(arrayOf(type))})`,
    type: arrayOf(type),
    literal: "array",
    parts,
  };
}

function makeStruct(parts: Expr[], names: (string | null)[]): Expr {
  const type = structOf(parts.map((p, i) => ({ name: names[i] ?? null, type: p.type })));
  return { sql: pack(parts.map((p) => p.sql)), type, literal: "struct", parts };
}

/** STRUCT(a, b AS c): a field is named by its alias, or by the column or field that it is. */
function lowerStructCall(context: Context, node: Node): Expr {
  const names: (string | null)[] = [];
  const parts = asList(only(node, "name", "args").args).map((value) => {
    const arg = asNode(value);
    if (arg.kind !== "alias") {
      const part = lower(context, value);
      names.push(part.name ?? null);
      return part;
    }
    const body = only(arg, "this", "alias");
    names.push(nameOf(body.alias));
    return lower(context, body.this);
  });
  return makeStruct(parts, names);
}

/** Adjacent or lone literals that stand where only a constant string may (formats, paths): its text. */
export function constantText(context: Context, value: unknown): string | undefined {
  const node = asNode(value);
  if (node.kind !== "literal") return undefined;
  const token = tokenOf(context.analysis, node);
  const where = ` at ${place(context.analysis.source.text, token.start)}`;
  return textLiteral(token, where).text;
}

/** The place of a node for messages: that of its first identifier, or "". */
export function whereOf(context: Context, value: unknown): string {
  return offsetOf(value) === undefined ? "" : at(context.analysis.source, value);
}
