import { BLOB, BOOLEAN, DuckDBBlobValue, type DuckDBType, type DuckDBValue, VARCHAR } from "@duckdb/node-api";
import { BigQueryError, notImplemented } from "../errors.ts";
import { isObject, type Json, type JsonObject, stringOr } from "../json.ts";
import { geographyText } from "./geography/text.ts";
import { duckIntervalText, readInterval } from "./interval-text.ts";
import { canonicalJson } from "./jsontext.ts";
import { rangeOfEnds } from "./range-text.ts";
import { normaliseTemporal } from "./temporal.ts";
import {
  arrayOf,
  isRangeElement,
  type RangeType,
  rangeOf,
  scalarNamed,
  structOf,
  type Type,
} from "./types.ts";

/** A query parameter of a request, read. */
export interface Parameter {
  type: Type;
  /** The value as DuckDB takes it: text for most types (the lowering casts it), JSON text for ARRAY and STRUCT. */
  value: DuckDBValue;
  duck: DuckDBType;
}

const bad = (message: string): BigQueryError => new BigQueryError("invalid", message);

/** Reads `queryParameters`: by lower-case name, positional ones as __positional_0, ... */
export function readParameters(value: unknown): Map<string, Parameter> {
  const parameters = new Map<string, Parameter>();
  if (value === undefined || value === null) return parameters;
  if (!Array.isArray(value)) throw bad("queryParameters must be a list");
  for (const [i, item] of value.entries()) {
    if (!isObject(item)) throw bad("a query parameter must be an object");
    const name = stringOr(item.name, "") === "" ? `__positional_${i}` : stringOr(item.name, "").toLowerCase();
    const type = readType(item.parameterType);
    parameters.set(name, { type, ...bound(type, item.parameterValue, name) });
  }
  return parameters;
}

function readType(value: unknown): Type {
  if (!isObject(value)) throw bad("Query parameter type is missing");
  const kind = stringOr(value.type, "").toUpperCase();
  if (kind === "ARRAY") return arrayOf(readType(value.arrayType));
  if (kind === "STRUCT") {
    const fields = Array.isArray(value.structTypes) ? value.structTypes : [];
    return structOf(
      fields.map((f) => {
        const field: JsonObject = isObject(f) ? f : {};
        return {
          name: stringOr(field.name, "") === "" ? null : stringOr(field.name, null),
          type: readType(field.type),
        };
      }),
    );
  }
  if (kind === "RANGE") {
    const element = stringOr(
      isObject(value.rangeElementType) ? value.rangeElementType.type : "",
      "",
    ).toUpperCase();
    if (!isRangeElement(element)) throw bad("Query parameter type RANGE needs a rangeElementType");
    return rangeOf(element);
  }
  const type = scalarNamed(kind);
  if (type === undefined) throw notImplemented(`a query parameter of type ${kind || "(none)"}`);
  return type;
}

function bound(type: Type, value: unknown, name: string): Pick<Parameter, "value" | "duck"> {
  if (type.kind === "ARRAY" || type.kind === "STRUCT" || type.kind === "RANGE") {
    const json = readValue(type, value, name);
    return { value: json === null ? null : JSON.stringify(json), duck: VARCHAR };
  }
  const scalar = readScalar(type, value, name);
  if (scalar === null) return { value: null, duck: VARCHAR };
  if (type.kind === "BYTES")
    return { value: new DuckDBBlobValue(Buffer.from(String(scalar), "base64")), duck: BLOB };
  if (typeof scalar === "boolean") return { value: scalar, duck: BOOLEAN };
  return { value: String(scalar), duck: VARCHAR };
}

/** A value as the JSON that from_json reads; BYTES stay base64, everything else is text that DuckDB casts. */
function readValue(type: Type, value: unknown, name: string): Json {
  if (!isObject(value)) return type.kind === "ARRAY" ? [] : null;
  if (type.kind === "ARRAY") {
    const items = value.arrayValues;
    if (items === undefined || items === null) return value.value === null ? null : [];
    if (!Array.isArray(items)) throw bad(`Query parameter ${name}: arrayValues must be a list`);
    return items.map((item) => readValue(type.element, item, name));
  }
  if (type.kind === "RANGE") return readRange(type, value, name);
  if (type.kind === "STRUCT") {
    const given: JsonObject | undefined = isObject(value.structValues) ? value.structValues : undefined;
    if (given === undefined) return null;
    return Object.fromEntries(
      type.fields.map((f, i) => [`_${i}`, readValue(f.type, given[f.name ?? ""] ?? { value: null }, name)]),
    );
  }
  return readScalar(type, value, name);
}

/** {rangeValue: {start: {value}, end: {value}}}: an end without a value is open. */
function readRange({ element }: RangeType, { rangeValue }: JsonObject, name: string): Json {
  if (!isObject(rangeValue)) return null;
  const [start, end] = [rangeValue.start, rangeValue.end].map((part) =>
    isObject(part) ? stringOr(part.value, "UNBOUNDED") : "UNBOUNDED",
  );
  const ends = rangeOfEnds(element, start ?? "", end ?? "");
  if (ends === undefined) throw bad(`Invalid RANGE value for query parameter ${name}`);
  return { _0: ends.start, _1: ends.end };
}

const INTEGER = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const FLOAT = /^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf(inity)?)$|^nan$/i;

function readScalar(type: Type, holder: unknown, name: string): string | boolean | null {
  const raw = isObject(holder) ? holder.value : undefined;
  if (raw === undefined || raw === null) return null;
  if (typeof raw === "object") throw bad(`Query parameter ${name}: value must be a scalar`);
  const text = String(raw);
  const wrong = (): BigQueryError =>
    bad(`Invalid value for type: ${type.kind} is not a valid value for query parameter ${name}`);
  switch (type.kind) {
    case "INT64":
      if (!INTEGER.test(text) || BigInt(text) !== BigInt.asIntN(64, BigInt(text))) throw wrong();
      return text;
    case "NUMERIC":
      if (!DECIMAL.test(text)) throw wrong();
      return text;
    case "FLOAT64":
      if (!FLOAT.test(text)) throw wrong();
      return text;
    case "BOOL":
      if (!/^(true|false)$/i.test(text)) throw wrong();
      return text.toLowerCase() === "true";
    case "DATE":
    case "DATETIME":
    case "TIME":
    case "TIMESTAMP":
      return readTime(type.kind, text) ?? fail(wrong());
    case "GEOGRAPHY":
      return geographyText(text) ?? fail(wrong());
    case "JSON":
      return canonicalJson(text) ?? fail(wrong());
    case "INTERVAL": {
      const interval = readInterval(text);
      return interval ? duckIntervalText(interval) : fail(wrong());
    }
    case "BYTES":
      if (!/^[A-Za-z0-9+/\-_]*={0,2}$/.test(text)) throw wrong();
      return text;
    default:
      return text;
  }
}

function fail(error: Error): never {
  throw error;
}

function readTime(kind: "DATE" | "DATETIME" | "TIME" | "TIMESTAMP", text: string): string | undefined {
  return normaliseTemporal(kind, text);
}
