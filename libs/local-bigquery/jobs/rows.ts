import {
  DuckDBBlobValue,
  type DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from "@duckdb/node-api";
import { BigQueryError, invalidQuery, notImplemented } from "../errors.ts";
import type { Json } from "../json.ts";
import { deserialise, GeographyUnsupported } from "../sql/geography/geometry.ts";
import { writeWkt } from "../sql/geography/wkt.ts";
import { intervalText } from "../sql/interval-text.ts";
import type { RangeType, Type } from "../sql/types.ts";

/** A result row in the service's form: {f: [{v: ...}]}. */
export type Row = { f: { v: Json }[] };

/** A value in a row. Timestamps are microseconds since 1970, as text. */
export function encode(value: DuckDBValue, type: Type): Json {
  if (type.kind === "ARRAY") return encodeArray(value, type.element);
  if (value === null) return null;
  if (type.kind === "STRUCT") {
    if (!(value instanceof DuckDBStructValue)) return unexpected(value, type.kind);
    return { f: type.fields.map((f, i) => ({ v: encode(value.entries[`_${i}`] ?? null, f.type) })) };
  }
  switch (type.kind) {
    case "RANGE":
      return rangeText(value, type);
    case "GEOGRAPHY":
      return geographyText(String(value));
    case "INTERVAL":
      return value instanceof DuckDBIntervalValue ? intervalText(value) : unexpected(value, type.kind);
    case "FLOAT64":
      return typeof value === "number" ? floatText(value) : unexpected(value, type.kind);
    case "NUMERIC":
      return value instanceof DuckDBDecimalValue
        ? decimalText(value.value, value.scale)
        : unexpected(value, type.kind);
    case "BYTES":
      return value instanceof DuckDBBlobValue
        ? Buffer.from(value.bytes).toString("base64")
        : unexpected(value, type.kind);
    case "TIMESTAMP":
      return value instanceof DuckDBTimestampValue ? String(value.micros) : unexpected(value, type.kind);
    case "DATETIME":
      return value instanceof DuckDBTimestampValue
        ? dateTimeText(value.micros)
        : unexpected(value, type.kind);
    case "DATE":
      return value instanceof DuckDBDateValue ? value.toString() : unexpected(value, type.kind);
    case "TIME":
      return value instanceof DuckDBTimeValue ? timeText(value.micros) : unexpected(value, type.kind);
    default:
      return String(value);
  }
}

/** "[start, end)": a TIMESTAMP's ends are microseconds, as elsewhere. */
function rangeText(value: DuckDBValue, { element }: RangeType): string {
  if (!(value instanceof DuckDBStructValue)) return unexpected(value, "RANGE");
  const ends = ["_0", "_1"].map((name) => {
    const end = value.entries[name] ?? null;
    const isOpen = (end instanceof DuckDBDateValue || end instanceof DuckDBTimestampValue) && !end.isFinite;
    return isOpen ? "UNBOUNDED" : String(encode(end, { kind: element }));
  });
  return `[${ends.join(", ")})`;
}

function geographyText(stored: string): string {
  try {
    return writeWkt(deserialise(stored));
  } catch (error) {
    throw error instanceof GeographyUnsupported ? notImplemented(error.message) : error;
  }
}

function unexpected(value: DuckDBValue, kind: string): never {
  throw new BigQueryError("internalError", `a ${kind} came as ${typeof value}`);
}

function encodeArray(value: DuckDBValue, element: Type): Json {
  if (value === null) return [];
  if (!(value instanceof DuckDBListValue)) return unexpected(value, "ARRAY");
  return value.items.map((item) => {
    if (item === null) throw invalidQuery("Array cannot have a null element; error in writing field");
    return { v: encode(item, element) };
  });
}

export function floatText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  const text = String(value);
  if (Object.is(value, -0)) return "-0.0";
  return /^-?\d+$/.test(text) ? `${text}.0` : text.replace("e+", "E").replace("e", "E");
}

function decimalText(value: bigint, scale: number): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, "0");
  const cut = digits.length - scale;
  const fraction = digits.slice(cut).replace(/0+$/, "");
  return `${negative ? "-" : ""}${digits.slice(0, cut)}${fraction === "" ? "" : `.${fraction}`}`;
}

const MICROS = 1_000_000n;

function fractionText(micros: bigint): string {
  return micros === 0n ? "" : `.${micros.toString().padStart(6, "0")}`;
}

function dateTimeText(micros: bigint): string {
  const rest = ((micros % MICROS) + MICROS) % MICROS;
  const seconds = Number((micros - rest) / MICROS);
  return new Date(seconds * 1000).toISOString().slice(0, 19) + fractionText(rest);
}

function timeText(micros: bigint): string {
  const seconds = Number(micros / MICROS);
  return new Date(seconds * 1000).toISOString().slice(11, 19) + fractionText(micros % MICROS);
}

/** Largest number of rows that a result may hold. */
const MAX_ROWS = 2_000_000;

/** Appends a chunk's rows. */
export function encodeChunk(chunk: DuckDBDataChunk, types: Type[], rows: Row[]): void {
  if (rows.length + chunk.rowCount > MAX_ROWS)
    throw new BigQueryError(
      "responseTooLarge",
      "Response too large to return. Consider specifying a destination table in your job configuration.",
    );
  const columns = types.map((type, i) =>
    chunk.getColumnValues(i).map((value) => ({ v: encode(value, type) })),
  );
  for (let row = 0; row < chunk.rowCount; row++) {
    rows.push({ f: columns.map((column) => column[row] ?? { v: null }) });
  }
}

/** Timestamps of a page as seconds in floating point, for clients that do not ask for useInt64Timestamp. */
export function withFloatTimestamps(rows: Row[], types: Type[]): Row[] {
  if (!types.some(hasTimestamp)) return rows;
  return rows.map((row) => ({ f: row.f.map((cell, i) => ({ v: floatTimes(cell.v, types[i]) })) }));
}

function hasTimestamp(type: Type): boolean {
  if (type.kind === "ARRAY") return hasTimestamp(type.element);
  return type.kind === "STRUCT" ? type.fields.some((f) => hasTimestamp(f.type)) : type.kind === "TIMESTAMP";
}

function floatTimes(value: Json, type: Type | undefined): Json {
  if (value === null || type === undefined || !hasTimestamp(type)) return value;
  if (type.kind === "ARRAY" && Array.isArray(value))
    return value.map((item) => (isCell(item) ? { v: floatTimes(item.v, type.element) } : item));
  if (type.kind === "STRUCT" && typeof value === "object" && !Array.isArray(value) && Array.isArray(value.f))
    return {
      f: value.f.map((cell, i) => (isCell(cell) ? { v: floatTimes(cell.v, type.fields[i]?.type) } : cell)),
    };
  return typeof value === "string" ? secondsText(value) : value;
}

function isCell(value: Json): value is { v: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value.v !== undefined;
}

function secondsText(micros: string): string {
  const negative = micros.startsWith("-");
  const digits = (negative ? micros.slice(1) : micros).padStart(7, "0");
  return `${negative ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}
