import { notImplemented } from "../errors.ts";
import { duckType, INT64, type Type } from "./types.ts";

export interface FloatSum {
  raw: string;
  leaves: string[];
}

/** A lowered expression: DuckDB SQL with its GoogleSQL type. */
export interface Expr {
  /** DuckDB SQL, safe to stand as an operand. */
  sql: string;
  type: Type;
  /**
   * What makes it coercible beyond its type: GoogleSQL coerces a literal or parameter where it would not coerce a
   * column. "array" and "struct" are constructors, coerced part by part.
   */
  literal?: "null" | "string" | "int" | "float" | "param" | "array" | "struct";
  /** A literal's text: the string's content, the number as written. */
  text?: string;
  /** Parts of an array or struct constructor. */
  parts?: Expr[];
  /** Of FLOAT64 arithmetic: itself without the check for overflow, and what it is reckoned from. */
  float?: FloatSum;
  /** The name that a select list gives it when it has no alias. */
  name?: string;
  /** " at [line:column]" or "". */
  where?: string;
}

export const nullOf = (type: Type): Expr => ({
  sql: `CAST(NULL AS ${duckType(type)})`,
  type,
  literal: "null",
});
export const untypedNull = (): Expr => nullOf(INT64);

/** A DuckDB string literal. */
export function quote(text: string): string {
  if (text.includes("\0")) throw notImplemented("a string with a NUL character");
  return `'${text.replaceAll("'", "''")}'`;
}

/** A DuckDB identifier. */
export function ident(name: string): string {
  if (name.includes("\0")) throw notImplemented("a name with a NUL character");
  return `"${name.replaceAll('"', '""')}"`;
}

/** A BLOB literal. */
export function blob(bytes: Uint8Array): string {
  return `from_hex('${Buffer.from(bytes).toString("hex")}')`;
}

/** Builds a STRUCT value from its fields' SQL. */
export function pack(fields: string[]): string {
  return `struct_pack(${fields.map((sql, i) => `_${i} := ${sql}`).join(", ")})`;
}

/** Reads field `index` of a STRUCT. */
export function field(struct: string, index: number): string {
  return `struct_extract(${struct}, '_${index}')`;
}
