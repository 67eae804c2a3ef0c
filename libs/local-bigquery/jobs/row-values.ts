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

/** A row of JSON as its columns' values: each as the JSON that from_json reads. Throws RowError. */
export type RowReader = (row: JsonObject) => Json[];

type ValueReader = (value: Json) => Json;

/** Reads rows of these fields: every scalar as text that DuckDB casts, a record's fields by position (_0, _1, ...). */
export function rowReader(fields: Field[], options: RowOptions, path = ""): RowReader {
  const readers = fields.map((field) => fieldReader(field, options, path));
  const positions = new Map(fields.map((f, i) => [f.name.toLowerCase(), i]));
  // The spellings that were met, so that a column's name is folded once.
  const known = new Map<string, number | undefined>();
  const positionOf = (key: string): number | undefined => {
    if (known.has(key)) return known.get(key);
    const position = positions.get(key.toLowerCase());
    if (known.size < 10_000) known.set(key, position);
    return position;
  };
  return (row) => {
    const values: Json[] = new Array(fields.length).fill(null);
    for (const key of Object.keys(row)) {
      const position = positionOf(key);
      if (position !== undefined) values[position] = row[key] ?? null;
      else if (!options.ignoreUnknown) throw new RowError(path + key, `no such field: ${path}${key}.`);
    }
    for (const [i, read] of readers.entries()) values[i] = read(values[i] ?? null);
    return values;
  };
}

function fieldReader(field: Field, options: RowOptions, path: string): ValueReader {
  const name = path + field.name;
  const one = oneReader(field, options, name);
  if (field.mode === "REPEATED") return (value) => listToStored(value, one, name);
  const required = field.mode === "REQUIRED";
  return (value) => {
    if (value !== null) return one(value);
    if (required) throw new RowError(name, `Missing required field: ${name}.`);
    return null;
  };
}

function listToStored(value: Json, one: ValueReader, name: string): Json {
  if (value === null) return [];
  if (!Array.isArray(value)) throw new RowError(name, `Array specified for non-repeated field: ${name}.`);
  return value.map((item) => {
    if (item === null) throw new RowError(name, `Only optional fields can be set to NULL. Field: ${name}`);
    return one(item);
  });
}

function oneReader(field: Field, options: RowOptions, name: string): ValueReader {
  const { type, fields, rangeElementType } = field;
  if (fields) return recordReader(fields, options, name);
  if (type === "JSON") return (value) => jsonToStored(value, name);
  if (rangeElementType) return (value) => rangeToStored(rangeElementType.type, value, name);
  return (value) => {
    if (typeof value === "object") throw new RowError(name, `This field: ${name} is not a record.`);
    const stored = scalarToStored(type, value);
    if (stored !== undefined) return stored;
    throw new RowError(name, `Cannot convert value to ${type.toLowerCase()} (bad value): ${String(value)}`);
  };
}

function recordReader(fields: Field[], options: RowOptions, name: string): ValueReader {
  const read = rowReader(fields, options, `${name}.`);
  return (value) => {
    if (!isObject(value)) throw new RowError(name, `This field: ${name} is not a record.`);
    return Object.fromEntries(read(value).map((v, i) => [`_${i}`, v]));
  };
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
