import { isObject, stringOr } from "../json.ts";

/** A field of a result's schema, as REST and the recordings have it. */
export interface Field {
  name: string;
  type: string;
  mode: string;
  fields: Field[];
}

/** Reads `schema.fields`. */
export function fieldsOf(value: unknown): Field[] {
  return (Array.isArray(value) ? value : []).filter(isObject).map((f) => ({
    name: stringOr(f.name, ""),
    type: stringOr(f.type, ""),
    mode: stringOr(f.mode, "NULLABLE"),
    fields: fieldsOf(f.fields),
  }));
}
