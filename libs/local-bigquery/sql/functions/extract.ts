import { invalidQuery, notImplemented } from "../../errors.ts";
import { isObject } from "../../json.ts";
import { asNode, only } from "../ast.ts";
import type { Expr } from "../expr.ts";
import { type Context, lower } from "../lower-expr.ts";
import { DATE, DATETIME, INT64, TIME, typeName } from "../types.ts";
import { INTERVAL_FIELDS } from "./intervals.ts";
import { readZone, toLocal } from "./zones.ts";

const date = (x: string): string => `CAST(${x} AS DATE)`;

const FIELDS: Record<string, (x: string) => string> = {
  YEAR: (x) => `year(${x})`,
  ISOYEAR: (x) => `isoyear(${x})`,
  QUARTER: (x) => `quarter(${x})`,
  MONTH: (x) => `month(${x})`,
  WEEK: (x) => `CAST(strftime(${x}, '%U') AS BIGINT)`,
  "WEEK(SUNDAY)": (x) => `CAST(strftime(${x}, '%U') AS BIGINT)`,
  "WEEK(MONDAY)": (x) => `CAST(strftime(${x}, '%W') AS BIGINT)`,
  ISOWEEK: (x) => `weekofyear(${x})`,
  DAY: (x) => `day(${x})`,
  DAYOFWEEK: (x) => `(dayofweek(${x}) + 1)`,
  DAYOFYEAR: (x) => `dayofyear(${x})`,
};
const CLOCK_FIELDS: Record<string, (x: string) => string> = {
  HOUR: (x) => `hour(${x})`,
  MINUTE: (x) => `minute(${x})`,
  SECOND: (x) => `(microsecond(${x}) // 1000000)`,
  MILLISECOND: (x) => `((microsecond(${x}) // 1000) % 1000)`,
  MICROSECOND: (x) => `(microsecond(${x}) % 1000000)`,
};

/** EXTRACT(part FROM value [AT TIME ZONE zone]), which the parser gives a node of its own. */
export function lowerExtract(context: Context, value: unknown, field: unknown, where: string): Expr {
  const node = asNode(value);
  const zoned = node.kind === "at_time_zone" ? only(node, "this", "zone") : undefined;
  const given = lower(context, zoned ? zoned.this : value);
  const kind = given.type.kind;
  if (zoned && kind !== "TIMESTAMP")
    throw invalidQuery(`EXTRACT from ${kind} does not support AT TIME ZONE${where}`);
  const sql = zoned ? toLocal(given.sql, readZone(context, zoned.zone, "EXTRACT")) : given.sql;
  const part = extractPart(field);
  if (kind === "INTERVAL") return ofInterval(given.sql, part, where);
  if (kind !== "DATE" && kind !== "DATETIME" && kind !== "TIMESTAMP" && kind !== "TIME")
    throw invalidQuery(`EXTRACT does not support arguments of type ${typeName(given.type)}${where}`);
  const hasBoth = kind === "TIMESTAMP" || kind === "DATETIME";
  if (part === "DATE" && hasBoth) return { sql: date(sql), type: DATE };
  if (part === "TIME" && hasBoth) return { sql: `CAST(${sql} AS TIME)`, type: TIME };
  if (part === "DATETIME" && kind === "TIMESTAMP") return { sql, type: DATETIME };
  const fields = kind === "TIME" ? {} : FIELDS;
  const make = fields[part] ?? (kind === "DATE" ? undefined : CLOCK_FIELDS[part]);
  if (make === undefined) throw notImplemented(`EXTRACT ${part} FROM ${kind}${where}`);
  return { sql: `CAST(${make(sql)} AS BIGINT)`, type: INT64 };
}

function ofInterval(sql: string, part: string, where: string): Expr {
  const make = INTERVAL_FIELDS[part];
  if (make === undefined)
    throw invalidQuery(`Unsupported date part ${part} in EXTRACT FROM INTERVAL${where}`);
  return { sql: `CAST(${make(sql)} AS BIGINT)`, type: INT64 };
}

function extractPart(field: unknown): string {
  if (typeof field === "string") return field.toUpperCase();
  if (isObject(field) && typeof field.WeekWithModifier === "string") return `WEEK(${field.WeekWithModifier})`;
  if (isObject(field) && typeof field.Custom === "string") return field.Custom.toUpperCase();
  throw notImplemented("this part in EXTRACT");
}
