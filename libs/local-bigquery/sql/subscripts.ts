import { invalidQuery, notImplemented } from "../errors.ts";
import { stringOr } from "../json.ts";
import { asList, asNode, at, type Node, only } from "./ast.ts";
import { coerce, coercible } from "./coerce.ts";
import { type Expr, quote } from "./expr.ts";
import { type Context, lower } from "./lower-expr.ts";
import { INT64, JSON_TYPE } from "./types.ts";

const ACCESS: Record<string, { base: number; safe: boolean }> = {
  OFFSET: { base: 0, safe: false },
  SAFE_OFFSET: { base: 0, safe: true },
  ORDINAL: { base: 1, safe: false },
  SAFE_ORDINAL: { base: 1, safe: true },
};

/** array[OFFSET(i)], array[i], json[i], json['key']. */
export function lowerSubscript(context: Context, node: Node): Expr {
  const body = only(node, "this", "index");
  const value = lower(context, body.this);
  const where = at(context.analysis.source, node.body);
  if (value.type.kind === "JSON") return jsonElement(value, lower(context, body.index), where);
  if (value.type.kind !== "ARRAY")
    throw invalidQuery(
      `Element access using [] is not supported on values of type ${value.type.kind}${where}`,
    );
  const access = accessOf(body.index);
  const index = lower(context, access.index);
  if (!coercible(index, INT64)) throw invalidQuery(`Array position in [] must be coercible to INT64${where}`);
  const position = coerce(index, INT64).sql;
  const zeroBased = access.base === 0 ? position : `(${position} - 1)`;
  const sql = access.safe
    ? `bq.safe_element(${value.sql}, ${zeroBased})`
    : `bq.element(${value.sql}, ${zeroBased}, ${position})`;
  return { sql, type: value.type.element, where };
}

function accessOf(value: unknown): { base: number; safe: boolean; index: unknown } {
  const node = asNode(value);
  const access = node.kind === "function" ? ACCESS[stringOr(node.body.name, "").toUpperCase()] : undefined;
  if (access === undefined) return { base: 0, safe: false, index: value };
  const [index] = asList(only(node, "name", "args").args);
  return { ...access, index };
}

function jsonElement(value: Expr, index: Expr, where: string): Expr {
  if (index.literal === "int" || index.literal === "string") {
    const path =
      index.literal === "int" ? `$[${index.text}]` : `$."${(index.text ?? "").replaceAll('"', "")}"`;
    if (index.text?.includes('"') || index.text?.startsWith("-"))
      throw notImplemented(`JSON subscript${where}`);
    return { sql: `CAST(json_extract(${value.sql}, ${quote(path)}) AS VARCHAR)`, type: JSON_TYPE, where };
  }
  throw notImplemented(`JSON subscript by an expression${where}`);
}
