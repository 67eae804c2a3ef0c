import { VARCHAR } from "@duckdb/node-api";
import { isObject, type Json, type JsonObject, objectOr, parseJson } from "../json.ts";
import { canonicalJson } from "../sql/jsontext.ts";
import type { Type } from "../sql/types.ts";
import { JavaScriptError, type Sandbox } from "./sandbox.ts";
import { raised, type Scalar } from "./scalar.ts";

/** `bq_javascript(names, body, arguments, type)`: a call's result as the JSON that from_json reads. */
export function javascriptScalar(sandbox: Sandbox): Scalar {
  return {
    params: [VARCHAR, VARCHAR, VARCHAR, VARCHAR],
    result: VARCHAR,
    make: (names, body, args, type) => {
      const parameters = parseJson(String(names));
      const code = String(body);
      const list = Array.isArray(parameters) ? parameters.map(String) : [];
      const returns: Type = JSON.parse(String(type));
      const answers = spellings(String(args)).map((given) =>
        JSON.stringify({ _0: answer(sandbox, list, code, given, returns) }),
      );
      const [first, second] = answers;
      if (second === undefined || first === second) return first;
      throw raised(
        "This JavaScript function gives different results for an INT64 passed as a number and as a string; declare the parameter as FLOAT64 or STRING",
      );
    },
  };
}

function answer(sandbox: Sandbox, names: string[], body: string, args: string, type: Type): Json {
  try {
    return toStored(sandbox.call(names, body, args), type);
  } catch (error) {
    throw error instanceof JavaScriptError ? raised(error.message) : error;
  }
}

/** The arguments, twice where there is an INT64 among them: as a number, and as text. */
function spellings(args: string): string[] {
  if (!args.includes('{"$integer":')) return [args];
  const integer = /\{"\$integer":("-?\d+")\}/g;
  return [args.replace(integer, '{"$number":$1}'), args.replace(integer, "$1")];
}

/** A result as the stored JSON of its type: fields by position, scalars as text. Throws where it is of another type. */
function toStored(value: Json, type: Type): Json {
  if (value === null) return null;
  if (type.kind === "ARRAY") {
    if (!Array.isArray(value)) throw mismatch(value, "ARRAY");
    return value.map((item) => toStored(item, type.element));
  }
  if (type.kind === "STRUCT") {
    const given = isObject(value) && isObject(value.$struct) ? value.$struct : undefined;
    if (!given) throw mismatch(value, "STRUCT");
    const fields = type.fields.map((f, i): [string, Json] => [
      `_${i}`,
      toStored(given[f.name ?? ""] ?? null, f.type),
    ]);
    return Object.fromEntries(fields);
  }
  const stored = scalarToStored(value, type.kind);
  if (stored === undefined) throw mismatch(value, type.kind);
  return stored;
}

function mismatch(value: Json, kind: string): Error {
  return raised(`Failed to coerce output value ${JSON.stringify(plain(value))} to type ${kind}`);
}

function scalarToStored(value: Json, kind: string): string | undefined {
  const tagged = objectOr(value);
  switch (kind) {
    case "STRING":
      return typeof value === "string" ? value : undefined;
    case "BOOL":
      return typeof value === "boolean" ? String(value) : undefined;
    case "INT64":
      if (typeof value === "number") return Number.isInteger(value) ? inInt64(BigInt(value)) : undefined;
      return inInt64(integerIn(typeof value === "string" ? value : tagged.$integer));
    case "FLOAT64":
      return typeof value === "number" ? String(value) : numberText(tagged.$number);
    case "NUMERIC":
      if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : undefined;
      return typeof value === "string" && /^-?\d+(\.\d{1,9})?$/.test(value) ? value : undefined;
    case "BYTES":
      return typeof value === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? value : undefined;
    case "TIMESTAMP":
      return typeof tagged.$date === "number" ? timeText(tagged.$date) : undefined;
    default:
      return canonicalJson(JSON.stringify(plain(value)));
  }
}

function integerIn(text: unknown): bigint | undefined {
  return typeof text === "string" && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

function inInt64(value: bigint | undefined): string | undefined {
  return value !== undefined && value === BigInt.asIntN(64, value) ? String(value) : undefined;
}

function numberText(text: unknown): string | undefined {
  return typeof text === "string" ? text : undefined;
}

function timeText(ms: number): string | undefined {
  return Number.isFinite(ms) ? new Date(ms).toISOString().replace("T", " ").replace("Z", "") : undefined;
}

/** The value without the bridge's marks, as JSON.stringify would have it. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  if (isObject(value.$struct)) return plainFields(value.$struct);
  if (typeof value.$date === "number") return new Date(value.$date).toISOString();
  return value.$number === "-0" ? 0 : null;
}

function plainFields(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, plain(v ?? null)]));
}
