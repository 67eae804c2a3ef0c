import type { Field } from "../catalog/schema.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { geographyText } from "../sql/geography/text.ts";
import { duckIntervalText, readInterval } from "../sql/interval-text.ts";
import { canonicalJson } from "../sql/jsontext.ts";
import { rangeOfEnds, readRange } from "../sql/range-text.ts";
import { normaliseTemporal } from "../sql/temporal.ts";
import type { RangeElement } from "../sql/types.ts";

/** Why one row cannot be taken: as insertAll and load jobs report it. */
export class RowError extends Error {
  override readonly name = "RowError";
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

export interface RowOptions {
  ignoreUnknown: boolean;
}

/**
 * A row of JSON as the JSON that from_json reads with the table's structure: fields by position (_0, _1, ...), every
 * scalar as text that DuckDB casts. Throws RowError.
 */
export function rowToStored(fields: Field[], row: JsonObject, options: RowOptions, path = ""): JsonObject {
  const byName = new Map(fields.map((f) => [f.name.toLowerCase(), f]));
  const given = new Map<Field, Json>();
  for (const [key, value] of Object.entries(row)) {
    const field = byName.get(key.toLowerCase());
    if (field) given.set(field, value ?? null);
    else if (!options.ignoreUnknown) throw new RowError(path + key, `no such field: ${path}${key}.`);
  }
  return Object.fromEntries(
    fields.map((field, i) => [`_${i}`, fieldToStored(field, given.get(field) ?? null, options, path)]),
  );
}

function fieldToStored(field: Field, value: Json, options: RowOptions, path: string): Json {
  const name = path + field.name;
  if (field.mode === "REPEATED") {
    if (value === null) return [];
    if (!Array.isArray(value)) throw new RowError(name, `Array specified for non-repeated field: ${name}.`);
    return value.map((item) => {
      if (item === null) throw new RowError(name, `Only optional fields can be set to NULL. Field: ${name}`);
      return oneToStored(field, item, options, name);
    });
  }
  if (value === null) {
    if (field.mode === "REQUIRED") throw new RowError(name, `Missing required field: ${name}.`);
    return null;
  }
  return oneToStored(field, value, options, name);
}

function oneToStored(field: Field, value: Json, options: RowOptions, name: string): Json {
  if (field.fields) {
    if (!isObject(value)) throw new RowError(name, `This field: ${name} is not a record.`);
    return rowToStored(field.fields, value, options, `${name}.`);
  }
  if (field.type === "JSON") return jsonToStored(value, name);
  if (field.rangeElementType) return rangeToStored(field.rangeElementType.type, value, name);
  if (typeof value === "object") throw new RowError(name, `This field: ${name} is not a record.`);
  const stored = scalarToStored(field.type, value);
  if (stored === undefined)
    throw new RowError(
      name,
      `Cannot convert value to ${field.type.toLowerCase()} (bad value): ${String(value)}`,
    );
  return stored;
}

/** Text is JSON text; anything else is the value itself. */
function jsonToStored(value: Json, name: string): string {
  const text = canonicalJson(typeof value === "string" ? value : JSON.stringify(value));
  if (text === undefined) throw new RowError(name, `Invalid JSON for field: ${name}`);
  return text;
}

/** "[start, end)", or {start, end} with null for an open end. */
function rangeToStored(element: RangeElement, value: Json, name: string): Json {
  const end = (part: Json | undefined): string =>
    part === null || part === undefined ? "UNBOUNDED" : String(part);
  const ends = isObject(value)
    ? rangeOfEnds(element, end(value.start), end(value.end))
    : readRange(element, String(value));
  if (ends === undefined) throw new RowError(name, `Invalid RANGE<${element}> value for field: ${name}`);
  return { _0: ends.start, _1: ends.end };
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function scalarToStored(type: string, value: string | number | boolean | null): Json | undefined {
  const text = String(value).trim();
  switch (type) {
    case "INTEGER":
      return integerText(text);
    case "FLOAT":
      return NUMBER.test(text) || /^[+-]?(inf|infinity)$|^nan$/i.test(text) ? text : undefined;
    case "NUMERIC":
      return NUMBER.test(text) ? text : undefined;
    case "BOOLEAN":
      return booleanText(text);
    case "BYTES":
      return /^[A-Za-z0-9+/\-_]*={0,2}$/.test(text) ? text : undefined;
    case "GEOGRAPHY":
      return geographyText(text);
    case "INTERVAL": {
      const interval = readInterval(text);
      return interval && duckIntervalText(interval);
    }
    case "TIMESTAMP":
      return typeof value === "number" || /^-?\d+(\.\d+)?$/.test(text)
        ? secondsText(text)
        : normaliseTemporal(type, text);
    case "DATE":
    case "DATETIME":
    case "TIME":
      return normaliseTemporal(type, text);
    default:
      return String(value);
  }
}

function integerText(text: string): string | undefined {
  const whole = text.replace(/\.0+$/, "");
  if (!/^[+-]?\d+$/.test(whole)) return undefined;
  const value = BigInt(whole);
  return value === BigInt.asIntN(64, value) ? String(value) : undefined;
}

function booleanText(text: string): string | undefined {
  if (/^(true|t|yes|y|1)$/i.test(text)) return "true";
  return /^(false|f|no|n|0)$/i.test(text) ? "false" : undefined;
}

/** Seconds since 1970, with a fraction. */
function secondsText(text: string): string | undefined {
  const ms = Number(text) * 1000;
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return undefined;
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}
