/** Checks of the table's columns: its schema tells, no row is read. */
import type { Field } from "@convergence/warehouse/port.ts";
import { z } from "zod";
import { checkType } from "./check-type.ts";
import { column, columns } from "./fields.ts";

export const columnsExist = checkType({
  name: "columns_exist",
  fields: { columns, only: z.boolean().optional().describe("Whether the table may have no others") },
  about: (args) => args.columns.join(", "),
  plan(args, scope) {
    const faults = args.columns.flatMap((name) => (scope.field(name) ? [] : [`${name} is missing`]));
    const named = new Set(args.columns.map((name) => name.split(".")[0]?.toLowerCase()));
    const others = scope.columnNames.filter((name) => !named.has(name.toLowerCase()));
    if (args.only === true) faults.push(...others.map((name) => `${name} is not expected`));
    return { by: "schema", faults, observed: faults.join(", ") };
  },
});

/** GoogleSQL's names of types, and what the REST interface calls them. */
const TYPES = {
  STRING: "STRING",
  BYTES: "BYTES",
  INT64: "INTEGER",
  FLOAT64: "FLOAT",
  NUMERIC: "NUMERIC",
  BIGNUMERIC: "BIGNUMERIC",
  BOOL: "BOOLEAN",
  TIMESTAMP: "TIMESTAMP",
  DATE: "DATE",
  DATETIME: "DATETIME",
  TIME: "TIME",
  JSON: "JSON",
  GEOGRAPHY: "GEOGRAPHY",
  STRUCT: "RECORD",
  RANGE: "RANGE",
  INTERVAL: "INTERVAL",
} as const;

function typeName({ type, mode }: Field): string {
  if (mode === "REPEATED") return "ARRAY";
  return Object.entries(TYPES).find(([, rest]) => rest === type)?.[0] ?? type;
}

export const columnType = checkType({
  name: "column_type",
  fields: { column, is: z.enum([...Object.keys(TYPES), "ARRAY"]) },
  about: (args) => `${args.column}, ${args.is}`,
  plan(args, scope) {
    const field = scope.field(args.column);
    const has = field === undefined ? "missing" : typeName(field);
    return { by: "schema", faults: has === args.is ? [] : [`${args.column} is ${has}`], observed: has };
  },
});
