import { invalidQuery } from "../errors.ts";
import { isObject } from "../json.ts";
import { asNode, only } from "./ast.ts";
import { isOrdered, type Type, typeName } from "./types.ts";

export interface OrderItem {
  /** The ordered expression, still to be lowered. */
  value: unknown;
  descending: boolean;
  nullsFirst: boolean;
}

/** Reads one item of an ORDER BY. NULLs come first ascending and last descending unless it says otherwise. */
export function readOrderItem(item: unknown): OrderItem {
  if (!isObject(item)) throw invalidQuery("Syntax error: Unexpected ORDER BY item");
  const body = only({ kind: "ORDER BY", body: item }, "this", "desc", "nulls_first");
  const descending = body.desc === true;
  asNode(body.this);
  return {
    value: body.this,
    descending,
    nullsFirst: typeof body.nulls_first === "boolean" ? body.nulls_first : !descending,
  };
}

/** The sort keys of one item in DuckDB. A FLOAT64 needs two: NaN sorts below all numbers, not above them. */
export function orderKeys(sql: string, type: Type, item: OrderItem, where: string): string {
  if (!isOrdered(type))
    throw invalidQuery(`ORDER BY does not support expressions of type ${typeName(type)}${where}`);
  // DuckDB takes a bare string for a mistake.
  if (sql.startsWith("'")) return orderKeys(`(${sql} || '')`, type, item, where);
  const direction = item.descending ? "DESC" : "ASC";
  const nulls = `NULLS ${item.nullsFirst ? "FIRST" : "LAST"}`;
  if (type.kind !== "FLOAT64") return `${sql} ${direction} ${nulls}`;
  const nullRank = item.nullsFirst === item.descending ? 3 : 0;
  const rank = `CASE WHEN ${sql} IS NULL THEN ${nullRank} WHEN isnan(${sql}) THEN 1 ELSE 2 END`;
  return `${rank} ${direction}, ${sql} ${direction}`;
}
