import { type Field, type FieldType, WarehouseError } from "../port.ts";

/** Type names by what the REST interface and GoogleSQL call them. */
const TYPES: ReadonlyMap<string, FieldType> = new Map<string, FieldType>([
  ["STRING", "STRING"],
  ["BYTES", "BYTES"],
  ["INTEGER", "INTEGER"],
  ["INT64", "INTEGER"],
  ["FLOAT", "FLOAT"],
  ["FLOAT64", "FLOAT"],
  ["NUMERIC", "NUMERIC"],
  ["BIGNUMERIC", "BIGNUMERIC"],
  ["BOOLEAN", "BOOLEAN"],
  ["BOOL", "BOOLEAN"],
  ["TIMESTAMP", "TIMESTAMP"],
  ["DATE", "DATE"],
  ["DATETIME", "DATETIME"],
  ["TIME", "TIME"],
  ["JSON", "JSON"],
  ["GEOGRAPHY", "GEOGRAPHY"],
  ["INTERVAL", "INTERVAL"],
  ["RANGE", "RANGE"],
  ["RECORD", "RECORD"],
  ["STRUCT", "RECORD"],
]);

/** A field as the REST interface writes it. */
export interface RestField {
  name?: string;
  type?: string;
  mode?: string;
  description?: string;
  fields?: RestField[];
}

/**
 * The columns of a schema that BigQuery answered, in the port's form.
 * @throws WarehouseError for a type that this platform does not know.
 */
export function plainFields(fields: readonly RestField[] = []): Field[] {
  return fields.map(({ name = "", type = "", mode, description, fields: inner }) => {
    const known = TYPES.get(type);
    if (known === undefined)
      throw new WarehouseError("invalid", `column ${name} has an unknown type, ${type}`);
    return {
      name,
      type: known,
      mode: mode === "REQUIRED" || mode === "REPEATED" ? mode : "NULLABLE",
      ...(description === undefined ? {} : { description }),
      ...(inner === undefined ? {} : { fields: plainFields(inner) }),
    };
  });
}
