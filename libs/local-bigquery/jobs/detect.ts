/** Finds the columns of a load job's data (autodetect), by its first 500 records, as BigQuery's documentation tells. */
import type { Field } from "../catalog/schema.ts";
import { invalid } from "../errors.ts";
import { isObject, type Json, type JsonObject, numberOf } from "../json.ts";
import { type Cell, readCsv } from "./csv.ts";
import { csvFormat, jsonRecords } from "./load-records.ts";

const LOOKED_AT = 500;

/** Columns that were found, and how many rows of a CSV hold no data. */
export interface Detected {
  fields: Field[];
  skip: number;
}

type Scalar = "INTEGER" | "FLOAT" | "BOOLEAN" | "DATE" | "TIMESTAMP" | "STRING";

const DAY = String.raw`\d{4}-\d{1,2}-\d{1,2}`;
const PATTERNS: readonly [Scalar, RegExp][] = [
  ["DATE", new RegExp(`^${DAY}$`)],
  [
    "TIMESTAMP",
    new RegExp(String.raw`^${DAY}[T ]\d{1,2}:\d{2}:\d{2}(\.\d{1,6})?( ?(Z|UTC|[+-]\d{2}(:?\d{2})?))?$`),
  ],
];
const TEXT_PATTERNS: readonly [Scalar, RegExp][] = [
  ["INTEGER", /^[+-]?\d{1,18}$/],
  ["FLOAT", /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/],
  ["BOOLEAN", /^(true|false)$/i],
  ...PATTERNS,
];

function typeOfText(value: string, patterns: readonly [Scalar, RegExp][]): Scalar {
  return patterns.find(([, pattern]) => pattern.test(value.trim()))?.[0] ?? "STRING";
}

/** The type that takes values of both; null: none seen yet. */
function wider(a: Scalar | null, b: Scalar): Scalar {
  if (a === null || a === b) return b;
  const both = new Set([a, b]);
  return both.has("INTEGER") && both.has("FLOAT") ? "FLOAT" : "STRING";
}

/** What BigQuery calls a column of a CSV without a header: string_field_0. */
const PREFIXES: Record<Scalar, string> = {
  INTEGER: "int64",
  FLOAT: "double",
  BOOLEAN: "bool",
  DATE: "date",
  TIMESTAMP: "timestamp",
  STRING: "string",
};

/**
 * The row before the data is a header where all of it is text and, unless the job says that rows are to be skipped, some
 * column below is not.
 */
export function detectCsv(options: JsonObject, data: Buffer): Detected {
  const rows: Cell[][] = [];
  for (const { cells } of readCsv(data.toString("utf8"), csvFormat(options))) {
    if (rows.push(cells) > LOOKED_AT) break;
  }
  const given = numberOf(options.skipLeadingRows) ?? 0;
  const [head = [], ...below] = rows.slice(Math.max(0, given - 1));
  const isText = head.every((cell) => cell !== null && typeOfText(cell, TEXT_PATTERNS) === "STRING");
  const types = columnTypes(below);
  const isHeader = isText && head.length > 0 && (given > 0 || types.some((type) => type !== "STRING"));
  if (isHeader) return { fields: named(types, head), skip: Math.max(1, given) };
  return { fields: named(columnTypes(given > 0 ? below : [head, ...below]), []), skip: given };
}

function columnTypes(rows: Cell[][]): Scalar[] {
  const width = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: width }, (_, i) => {
    let type: Scalar | null = null;
    for (const row of rows) {
      const cell = row[i];
      if (cell != null && cell !== "") type = wider(type, typeOfText(cell, TEXT_PATTERNS));
    }
    return type ?? "STRING";
  });
}

function named(types: Scalar[], head: Cell[]): Field[] {
  const width = Math.max(types.length, head.length);
  const taken = new Set<string>();
  return Array.from({ length: width }, (_, i) => {
    const type = types[i] ?? "STRING";
    const written = (head[i] ?? "")
      .trim()
      .replaceAll(/[^A-Za-z0-9_]/g, "_")
      .replace(/^(?=\d)/, "_");
    const plain = written === "" ? `${PREFIXES[type]}_field_${i}` : written;
    const name = taken.has(plain.toLowerCase()) ? `${plain}_${i}` : plain;
    taken.add(name.toLowerCase());
    return { name, type, mode: "NULLABLE" };
  });
}

/** What was seen of one field of NDJSON. */
interface Seen {
  scalar: Scalar | null;
  repeated: boolean;
  inner: Map<string, Seen> | null;
}

export function detectJson(data: Buffer): Detected {
  const seen = new Map<string, Seen>();
  let count = 0;
  for (const record of jsonRecords(data)) {
    look(seen, record.value());
    if (++count === LOOKED_AT) break;
  }
  return { fields: fieldsOf(seen), skip: 0 };
}

function look(seen: Map<string, Seen>, row: JsonObject): void {
  for (const [name, value] of Object.entries(row)) {
    const field = seen.get(name) ?? { scalar: null, repeated: false, inner: null };
    seen.set(name, field);
    if (Array.isArray(value)) field.repeated = true;
    for (const one of Array.isArray(value) ? value : [value]) lookAt(field, name, one ?? null);
  }
}

function lookAt(field: Seen, name: string, value: Json): void {
  if (value === null) return;
  if (isObject(value)) {
    field.inner ??= new Map();
    look(field.inner, value);
  } else if (!Array.isArray(value)) field.scalar = wider(field.scalar, typeOfJson(value));
  if (Array.isArray(value) || (field.inner !== null && field.scalar !== null))
    throw invalid(
      `Error while reading data, error message: Failed to detect the type of field ${name}: give a schema`,
    );
}

function typeOfJson(value: string | number | boolean): Scalar {
  if (typeof value === "boolean") return "BOOLEAN";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "INTEGER" : "FLOAT";
  return typeOfText(value, PATTERNS);
}

function fieldsOf(seen: Map<string, Seen>): Field[] {
  return [...seen].map(([name, { scalar, repeated, inner }]) => {
    const mode = repeated ? "REPEATED" : "NULLABLE";
    return inner === null
      ? { name, type: scalar ?? "STRING", mode }
      : { name, type: "RECORD", mode, fields: fieldsOf(inner) };
  });
}
