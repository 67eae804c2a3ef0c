import { BLOB, DuckDBBlobValue, VARCHAR } from "@duckdb/node-api";
import { mapValue } from "../sql/coerce.ts";
import type { Parameter } from "../sql/params.ts";
import type { Type } from "../sql/types.ts";

/** A value in the form that a parameter of its type takes: text, base64 of BYTES, JSON of ARRAY and STRUCT. */
export function asText(sql: string, type: Type): string {
  if (type.kind === "BYTES") return `to_base64(${sql})`;
  const nested = type.kind === "ARRAY" || type.kind === "STRUCT" || type.kind === "RANGE";
  if (!nested) return `CAST(${sql} AS VARCHAR)`;
  const plain = mapValue(sql, type, (part, t) =>
    t.kind === "BYTES" ? `to_base64(${part})` : `CAST(${part} AS VARCHAR)`,
  );
  return `CASE WHEN ${sql} IS NOT NULL THEN CAST(to_json(${plain}) AS VARCHAR) END`;
}

/** Such a text as a variable holds it; null and undefined are NULL. */
export function held(type: Type, value: unknown): Parameter {
  if (value === null || value === undefined) return { type, value: null, duck: VARCHAR };
  const text = String(value);
  if (type.kind !== "BYTES") return { type, value: text, duck: VARCHAR };
  return { type, value: new DuckDBBlobValue(Buffer.from(text, "base64")), duck: BLOB };
}

/** A scalar variable's text, undefined where it is NULL. */
export function textOf({ value }: Parameter): string | undefined {
  return value === null ? undefined : String(value);
}

/** Values in one row that take as many texts: a query's SQL for the list, and the reading of it. */
export function listSql(texts: string[]): string {
  return `[${texts.map((text) => `CAST(${text} AS VARCHAR)`).join(", ")}]`;
}

export function itemsOf(list: unknown): unknown[] {
  const items = typeof list === "object" && list !== null && "items" in list ? list.items : undefined;
  return Array.isArray(items) ? items : [];
}
