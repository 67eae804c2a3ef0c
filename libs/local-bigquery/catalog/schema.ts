import { invalid, notImplemented } from "../errors.ts";
import { isObject, type JsonObject, objectOr, stringOr } from "../json.ts";
import {
  arrayOf,
  isRangeElement,
  type RangeElement,
  rangeOf,
  scalarNamed,
  structOf,
  type Type,
} from "../sql/types.ts";
import { checkColumnName } from "./names.ts";

export type Mode = "NULLABLE" | "REQUIRED" | "REPEATED";

/** One field of a table's schema in REST form; `type` in the legacy names that the service answers with. */
export interface Field {
  name: string;
  type: string;
  mode: Mode;
  description?: string;
  fields?: Field[];
  /** Of a RANGE. */
  rangeElementType?: { type: RangeElement };
}

const LEGACY: Record<string, string> = {
  INT64: "INTEGER",
  FLOAT64: "FLOAT",
  BOOL: "BOOLEAN",
  STRUCT: "RECORD",
};
const KNOWN_KEYS = new Set([
  "name",
  "type",
  "mode",
  "description",
  "fields",
  "rangeElementType",
  "policyTags",
  "categories",
]);

/** Reads `schema.fields` of a request. Throws on names, types and modes that are not BigQuery's. */
export function readFields(value: unknown): Field[] {
  if (!Array.isArray(value)) throw invalid("schema.fields must be a list of fields");
  const seen = new Set<string>();
  return value.map((item) => {
    if (!isObject(item)) throw invalid("a field of the schema must be an object");
    const field = readField(item);
    const key = field.name.toLowerCase();
    if (seen.has(key)) throw invalid(`Duplicate field name ${field.name} in the schema`);
    seen.add(key);
    return field;
  });
}

function readField(item: JsonObject): Field {
  const name = stringOr(item.name, "");
  checkColumnName(name);
  for (const [key, value] of Object.entries(item))
    if (!KNOWN_KEYS.has(key) && value !== undefined && value !== null)
      throw notImplemented(`schema field option ${key}`);
  const type = stringOr(item.type, "").toUpperCase();
  const mode = stringOr(item.mode, "NULLABLE").toUpperCase();
  if (mode !== "NULLABLE" && mode !== "REQUIRED" && mode !== "REPEATED")
    throw invalid(`Invalid mode ${mode} of field ${name}`);
  const field: Field = { name, type: "RECORD", mode };
  if (typeof item.description === "string") field.description = item.description;
  if (type === "RECORD" || type === "STRUCT") return { ...field, fields: readFields(item.fields) };
  if (type === "RANGE") return { ...field, type, rangeElementType: readElement(item.rangeElementType, name) };
  const scalar = scalarNamed(type);
  if (scalar === undefined) throw notImplemented(`field type ${type || "(none)"} of ${name}`);
  return { ...field, type: LEGACY[scalar.kind] ?? scalar.kind };
}

function readElement(value: unknown, name: string): { type: RangeElement } {
  const type = stringOr(objectOr(value).type, "").toUpperCase();
  if (!isRangeElement(type))
    throw invalid(`rangeElementType of field ${name} must be DATE, DATETIME or TIMESTAMP`);
  return { type };
}

/** The GoogleSQL type of a field: an ARRAY where it is REPEATED. */
export function typeOfField(field: Field): Type {
  const one: Type = field.fields
    ? structOf(field.fields.map((f) => ({ name: f.name, type: typeOfField(f) })))
    : field.rangeElementType
      ? rangeOf(field.rangeElementType.type)
      : (scalarNamed(field.type) ?? { kind: "STRING" });
  return field.mode === "REPEATED" ? arrayOf(one) : one;
}

/** A column of this type as a schema field. */
export function fieldOfType(name: string, type: Type, required = false): Field {
  if (type.kind === "ARRAY") return { ...fieldOfType(name, type.element), mode: "REPEATED" };
  const mode: Mode = required ? "REQUIRED" : "NULLABLE";
  if (type.kind === "RANGE") return { name, type: "RANGE", mode, rangeElementType: { type: type.element } };
  if (type.kind !== "STRUCT") return { name, type: LEGACY[type.kind] ?? type.kind, mode };
  const fields = type.fields.map((f, i) => fieldOfType(f.name ?? `_field_${i + 1}`, f.type));
  return { name, type: "RECORD", mode, fields };
}

/** A schema as REST shows it. */
export function schemaJson(fields: Field[]): JsonObject {
  return { fields: fields.map(fieldJson) };
}

function fieldJson(field: Field): JsonObject {
  const { name, type, mode, description, fields, rangeElementType } = field;
  return {
    name,
    type,
    mode,
    ...(description === undefined ? {} : { description }),
    ...(rangeElementType === undefined ? {} : { rangeElementType }),
    ...(fields === undefined ? {} : { fields: fields.map(fieldJson) }),
  };
}
