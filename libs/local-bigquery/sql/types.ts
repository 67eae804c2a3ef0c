/** GoogleSQL types. A STRUCT's fields have a name or null; in DuckDB they are called _0, _1, ... */
export type ScalarKind =
  | "INT64"
  | "FLOAT64"
  | "NUMERIC"
  | "BOOL"
  | "STRING"
  | "BYTES"
  | "DATE"
  | "DATETIME"
  | "TIME"
  | "TIMESTAMP"
  | "JSON"
  | "INTERVAL"
  | "GEOGRAPHY";

export interface StructField {
  name: string | null;
  type: Type;
}

export interface ArrayType {
  kind: "ARRAY";
  element: Type;
}

export interface StructType {
  kind: "STRUCT";
  fields: StructField[];
}

export type RangeElement = "DATE" | "DATETIME" | "TIMESTAMP";

/** A half-open span of time. In DuckDB a struct of its two ends, an unbounded one being -infinity or infinity. */
export interface RangeType {
  kind: "RANGE";
  element: RangeElement;
}

export type Type = { kind: ScalarKind } | ArrayType | StructType | RangeType;

export const INT64: Type = { kind: "INT64" };
export const FLOAT64: Type = { kind: "FLOAT64" };
export const NUMERIC: Type = { kind: "NUMERIC" };
export const BOOL: Type = { kind: "BOOL" };
export const STRING: Type = { kind: "STRING" };
export const BYTES: Type = { kind: "BYTES" };
export const DATE: Type = { kind: "DATE" };
export const DATETIME: Type = { kind: "DATETIME" };
export const TIME: Type = { kind: "TIME" };
export const TIMESTAMP: Type = { kind: "TIMESTAMP" };
export const JSON_TYPE: Type = { kind: "JSON" };
export const INTERVAL: Type = { kind: "INTERVAL" };
export const GEOGRAPHY: Type = { kind: "GEOGRAPHY" };

export const arrayOf = (element: Type): ArrayType => ({ kind: "ARRAY", element });
export const rangeOf = (element: RangeElement): RangeType => ({ kind: "RANGE", element });
export const structOf = (fields: StructField[]): StructType => ({ kind: "STRUCT", fields });

const SCALARS: Record<string, Type> = {
  INT64,
  INT: INT64,
  INTEGER: INT64,
  BIGINT: INT64,
  SMALLINT: INT64,
  TINYINT: INT64,
  BYTEINT: INT64,
  FLOAT64,
  FLOAT: FLOAT64,
  NUMERIC,
  DECIMAL: NUMERIC,
  BOOL,
  BOOLEAN: BOOL,
  STRING,
  BYTES,
  DATE,
  DATETIME,
  TIME,
  TIMESTAMP,
  JSON: JSON_TYPE,
  INTERVAL,
  GEOGRAPHY,
};

/** The type of this name (aliases included), or undefined. */
export function scalarNamed(name: string): Type | undefined {
  return SCALARS[name.toUpperCase()];
}

/** Whether a RANGE can be of this type. */
export function isRangeElement(kind: string): kind is RangeElement {
  return kind === "DATE" || kind === "DATETIME" || kind === "TIMESTAMP";
}

/** "RANGE<DATE>" and its like as a type, or undefined. */
export function rangeNamed(name: string): Type | undefined {
  const element = /^RANGE<(\w+)>$/i.exec(name)?.[1]?.toUpperCase() ?? "";
  return isRangeElement(element) ? rangeOf(element) : undefined;
}

/** GoogleSQL's spelling, as error messages show it. */
export function typeName(type: Type): string {
  if (type.kind === "ARRAY") return `ARRAY<${typeName(type.element)}>`;
  if (type.kind === "RANGE") return `RANGE<${type.element}>`;
  if (type.kind !== "STRUCT") return type.kind;
  return `STRUCT<${type.fields.map((f) => (f.name === null ? "" : `${f.name} `) + typeName(f.type)).join(", ")}>`;
}

export function sameType(a: Type, b: Type): boolean {
  if (a.kind === "ARRAY") return b.kind === "ARRAY" && sameType(a.element, b.element);
  if (a.kind === "RANGE") return b.kind === "RANGE" && a.element === b.element;
  if (a.kind === "STRUCT") {
    if (b.kind !== "STRUCT" || a.fields.length !== b.fields.length) return false;
    const other = b.fields;
    return a.fields.every((f, i) => {
      const g = other[i];
      return g !== undefined && sameType(f.type, g.type);
    });
  }
  return a.kind === b.kind;
}

const DUCK: Record<ScalarKind, string> = {
  INT64: "BIGINT",
  FLOAT64: "DOUBLE",
  NUMERIC: "DECIMAL(38,9)",
  BOOL: "BOOLEAN",
  STRING: "VARCHAR",
  BYTES: "BLOB",
  DATE: "DATE",
  // Both are plain TIMESTAMP (UTC): which one it is, is known statically, and no session time zone can interfere.
  DATETIME: "TIMESTAMP",
  TIMESTAMP: "TIMESTAMP",
  TIME: "TIME",
  // Canonical JSON text: DuckDB's own JSON type adds implicit casts that GoogleSQL does not have.
  JSON: "VARCHAR",
  INTERVAL: "INTERVAL",
  // JSON of its parts (sql/geography/geometry.ts).
  GEOGRAPHY: "VARCHAR",
};

/** The DuckDB type that holds values of a GoogleSQL type. */
export function duckType(type: Type): string {
  if (type.kind === "ARRAY") return `${duckType(type.element)}[]`;
  if (type.kind === "RANGE") return `STRUCT(_0 ${DUCK[type.element]}, _1 ${DUCK[type.element]})`;
  if (type.kind !== "STRUCT") return DUCK[type.kind];
  return `STRUCT(${type.fields.map((f, i) => `_${i} ${duckType(f.type)}`).join(", ")})`;
}

export function isNumeric(type: Type): boolean {
  return type.kind === "INT64" || type.kind === "NUMERIC" || type.kind === "FLOAT64";
}

/** Whether values of the type have an order (<, MIN, ORDER BY). */
export function isOrdered({ kind }: Type): boolean {
  return kind !== "ARRAY" && kind !== "STRUCT" && kind !== "JSON" && kind !== "GEOGRAPHY";
}

/** Whether values of the type can be compared for equality and grouped by. */
export function isGroupable(type: Type): boolean {
  if (type.kind === "JSON" || type.kind === "ARRAY" || type.kind === "GEOGRAPHY") return false;
  return type.kind !== "STRUCT" || type.fields.every((f) => isGroupable(f.type));
}
