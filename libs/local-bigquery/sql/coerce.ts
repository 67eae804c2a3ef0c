import { invalidQuery, notImplemented } from "../errors.ts";
import { type Expr, field, nullOf, pack, quote } from "./expr.ts";
import { normaliseTemporal } from "./temporal.ts";
import { duckType, isNumeric, type StructType, sameType, type Type, typeName } from "./types.ts";

const WIDENING: Record<string, string[]> = {
  INT64: ["NUMERIC", "FLOAT64"],
  NUMERIC: ["FLOAT64"],
  DATE: ["DATETIME"],
};

const TEMPORAL = ["DATE", "DATETIME", "TIME", "TIMESTAMP"];

/** Whether GoogleSQL coerces the expression to the type without a CAST. */
export function coercible(expr: Expr, to: Type): boolean {
  if (expr.literal === "null" || sameType(expr.type, to)) return true;
  if (WIDENING[expr.type.kind]?.includes(to.kind)) return true;
  if (expr.literal === "float" && to.kind === "NUMERIC") return true;
  if (isText(expr) && TEMPORAL.includes(to.kind)) return true;
  if (expr.literal === "array" && to.kind === "ARRAY")
    return (expr.parts ?? []).every((part) => coercible(part, to.element));
  if (expr.literal === "struct" && to.kind === "STRUCT") {
    const parts = expr.parts ?? [];
    return parts.length === to.fields.length && parts.every((p, i) => coercibleField(p, to, i));
  }
  return false;
}

function coercibleField(part: Expr, to: StructType, index: number): boolean {
  const target = to.fields[index];
  return target !== undefined && coercible(part, target.type);
}

function isText(expr: Expr): boolean {
  return expr.type.kind === "STRING" && (expr.literal === "string" || expr.literal === "param");
}

/** The expression as that type. Ask `coercible` first: throws notImplemented where it is not. */
export function coerce(expr: Expr, to: Type): Expr {
  if (expr.literal === "null") return nullOf(to);
  if (sameType(expr.type, to)) return { ...expr, type: to };
  if (expr.literal === "array" && to.kind === "ARRAY") {
    const parts = (expr.parts ?? []).map((part) => coerce(part, to.element));
    return { sql: listOf(parts, to), type: to, literal: "array", parts };
  }
  if (expr.literal === "struct" && to.kind === "STRUCT") {
    const parts = (expr.parts ?? []).map((part, i) => coerceField(part, to, i));
    return { sql: pack(parts.map((p) => p.sql)), type: to, literal: "struct", parts };
  }
  if (expr.literal === "float" && to.kind === "NUMERIC")
    return { sql: `CAST(${quote(expr.text ?? "")} AS ${duckType(to)})`, type: to };
  if (isText(expr)) return { sql: textTo(expr, to), type: to };
  if (!coercible(expr, to)) throw notImplemented(`${typeName(expr.type)} as ${typeName(to)}`);
  if (expr.type.kind === "NUMERIC") return { sql: `bq.numeric_to_float(${expr.sql})`, type: to };
  return { sql: `CAST(${expr.sql} AS ${duckType(to)})`, type: to };
}

function coerceField(part: Expr, to: StructType, index: number): Expr {
  const target = to.fields[index];
  return target === undefined ? part : coerce(part, target.type);
}

function listOf(parts: Expr[], type: Type): string {
  return `CAST([${parts.map((p) => p.sql).join(", ")}] AS ${duckType(type)})`;
}

/** A STRING literal or parameter as a date or time. */
function textTo(expr: Expr, to: Type): string {
  const kind = to.kind;
  if (kind !== "DATE" && kind !== "DATETIME" && kind !== "TIME" && kind !== "TIMESTAMP")
    throw notImplemented(`STRING as ${typeName(to)}`);
  if (expr.literal !== "string") return `bq.to_${kind.toLowerCase()}(${expr.sql})`;
  const value = normaliseTemporal(kind, expr.text ?? "");
  if (value === undefined)
    throw invalidQuery(
      `Could not cast literal ${JSON.stringify(expr.text)} to type ${kind}${expr.where ?? ""}`,
    );
  return `CAST(${quote(value)} AS ${duckType(to)})`;
}

/** The type that all expressions coerce to, or undefined. NULLs alone give INT64. */
export function supertype(exprs: Expr[]): Type | undefined {
  const typed = exprs.filter((e) => e.literal !== "null");
  const [first] = typed;
  if (first === undefined) return exprs[0]?.type;
  const candidates: Type[] = typed
    .filter((e) => e.literal === undefined || e.literal === "param")
    .map((e) => e.type);
  candidates.push(...typed.map((e) => e.type));
  const widest = candidates.find((to) => typed.every((e) => coercible(e, to)));
  return widest ?? mixedNumeric(typed);
}

function mixedNumeric(exprs: Expr[]): Type | undefined {
  if (!exprs.every((e) => isNumeric(e.type))) return undefined;
  return exprs.some((e) => e.type.kind === "FLOAT64") ? { kind: "FLOAT64" } : { kind: "NUMERIC" };
}

/** All expressions as their supertype; `what` names the construct in the error. */
export function unify(exprs: Expr[], what: string): { exprs: Expr[]; type: Type } {
  const type = supertype(exprs);
  if (type === undefined) {
    const names = exprs.map((e) => typeName(e.type)).join(", ");
    throw invalidQuery(
      `No matching signature for ${what} for argument types: ${names}${exprs[0]?.where ?? ""}`,
    );
  }
  return { exprs: exprs.map((e) => coerce(e, type)), type };
}

/** A value for a column (INSERT, UPDATE, MERGE, destination): NULL arrays become empty, NULL elements are refused. */
export function forColumn(expr: Expr, to: Type, name: string, describe: () => string): string {
  if (!coercible(expr, to)) throw invalidQuery(describe());
  const { sql } = coerce(expr, to);
  if (to.kind !== "ARRAY") return sql;
  return `bq.storable_array(${sql}, ${quote(name)})`;
}

/** Rebuilds a value of a STRUCT or ARRAY type by mapping its scalars. */
export function mapValue(
  sql: string,
  type: Type,
  scalar: (sql: string, type: Type) => string,
  depth = 0,
): string {
  if (type.kind === "ARRAY") {
    const x = `x${depth}`;
    const inner = mapValue(x, type.element, scalar, depth + 1);
    return inner === x ? sql : `list_transform(${sql}, lambda ${x}: ${inner})`;
  }
  if (type.kind !== "STRUCT") return scalar(sql, type);
  const fields = type.fields.map((f, i) => mapValue(field(sql, i), f.type, scalar, depth));
  if (fields.every((f, i) => f === field(sql, i))) return sql;
  return `CASE WHEN ${sql} IS NULL THEN NULL ELSE ${pack(fields)} END`;
}
