/** The variables of a run: what a template declares, what a request gives. */
import type { JsonValue, Parameter, ParameterType, Problem, Scalar, Template } from "./types.ts";

/** Variables that the platform gives; neither a template nor a request may give them. */
export const RESERVED_VARIABLES: readonly string[] = [
  "tenant_id",
  "provider",
  "domain",
  "template_name",
  "pipeline_id",
  "run_id",
];

/** A field of the request's body that says who asked. It is no variable. */
export const TRIGGER_BY = "trigger_by";

/** A date, and required, wherever a template names it without declaring it: the document's own form. */
export const IMPLICIT_DATE = "date";

/** Words that stand for a day or a moment in a default. */
const DEFAULT_WORDS: Readonly<Partial<Record<ParameterType, readonly string[]>>> = {
  date: ["today", "yesterday"],
  timestamp: ["now"],
};
const DAY_MS = 86_400_000;
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** The values of a run's variables: declared ones checked and defaulted, others as they were sent. */
export type ParameterValues = Record<string, JsonValue>;

/**
 * Checks a request's variables against what the template declares. `body` is the request's JSON object, `now` Unix
 * milliseconds: it decides what `today` and `yesterday` are in `timezone` (an IANA name). All problems at once, in the
 * body's order.
 */
export function resolveParameters(
  template: Pick<Template, "parameters" | "strictParameters">,
  body: Readonly<Record<string, unknown>>,
  now: number,
  timezone = "UTC",
): { values: ParameterValues } | { problems: Problem[] } {
  const problems: Problem[] = [];
  const values: [string, JsonValue][] = [];
  const declared = new Map(template.parameters.map((parameter) => [parameter.name, parameter]));
  for (const [field, value] of Object.entries(body)) {
    if (field === TRIGGER_BY) continue;
    const read = readField(field, value, declared.get(field), template.strictParameters);
    if ("message" in read) problems.push({ field, message: read.message });
    else values.push([field, read.value]);
  }
  for (const parameter of template.parameters) {
    if (Object.hasOwn(body, parameter.name)) continue;
    if (parameter.default === undefined) {
      problems.push({ field: parameter.name, message: `is missing: give ${describeType(parameter.type)}` });
    } else values.push([parameter.name, defaultValue(parameter.type, parameter.default, now, timezone)]);
  }
  return problems.length > 0 ? { problems } : { values: Object.fromEntries(values) };
}

function readField(
  field: string,
  value: unknown,
  parameter: Parameter | undefined,
  strict: boolean,
): { value: JsonValue } | { message: string } {
  if (RESERVED_VARIABLES.includes(field)) return { message: "is set by the platform: leave it out" };
  if (parameter !== undefined) return readScalar(parameter.type, value);
  if (strict) return { message: "is not a parameter of this template: leave it out" };
  return isJson(value) ? { value } : { message: "is not a JSON value" };
}

/** Reads a value of a declared type, or says what it has to be. */
export function readScalar(type: ParameterType, value: unknown): { value: Scalar } | { message: string } {
  const fits = READERS[type](value);
  return fits === undefined ? { message: `must be ${describeType(type)}` } : { value: fits };
}

/** Whether a template's default is a value of the type, or one of the words that stand for one. */
export function readDefault(type: ParameterType, value: unknown): { value: Scalar } | { message: string } {
  const words = DEFAULT_WORDS[type] ?? [];
  if (typeof value === "string" && words.includes(value)) return { value };
  const read = readScalar(type, value);
  if ("value" in read || words.length === 0) return read;
  return { message: `${read.message}, or ${words.join(" or ")}` };
}

function defaultValue(type: ParameterType, value: Scalar, now: number, timezone: string): Scalar {
  if (type === "date" && value === "today") return dateIn(timezone, now);
  if (type === "date" && value === "yesterday") {
    return isoDate(Date.parse(`${dateIn(timezone, now)}T00:00:00Z`) - DAY_MS);
  }
  if (type === "timestamp" && value === "now") return new Date(now).toISOString();
  return value;
}

/** Which day it is somewhere. */
function dateIn(timezone: string, ms: number): string {
  if (timezone === "UTC") return isoDate(ms);
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: timezone,
    calendar: "iso8601",
    numberingSystem: "latn",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(ms);
  const part = (name: string) => parts.find(({ type }) => type === name)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

function isoDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function describeType(type: ParameterType): string {
  return DESCRIPTIONS[type];
}

const DESCRIPTIONS: Readonly<Record<ParameterType, string>> = {
  string: "a text",
  int: "a whole number",
  float: "a number",
  bool: "true or false",
  date: "a date as YYYY-MM-DD",
  timestamp: "a time as YYYY-MM-DDThh:mm:ssZ (RFC 3339)",
};

const READERS: Readonly<Record<ParameterType, (value: unknown) => Scalar | undefined>> = {
  string: (value) => (typeof value === "string" && value.isWellFormed() ? value : undefined),
  int: readInt,
  float: (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined),
  bool: (value) => (typeof value === "boolean" ? value : undefined),
  date: (value) => (typeof value === "string" && isDate(value) ? value : undefined),
  timestamp: (value) => (typeof value === "string" && isTimestamp(value) ? value : undefined),
};

/** A safe integer, or an INT64 as its decimal digits. */
function readInt(value: unknown): Scalar | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== "string" || !/^-?(0|[1-9][0-9]{0,18})$/.test(value)) return undefined;
  const int = BigInt(value);
  return int >= INT64.min && int <= INT64.max ? value : undefined;
}

/** A day that exists, as YYYY-MM-DD, from year 1 on (BigQuery's DATE). */
function isDate(value: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value) || value.startsWith("0000")) return false;
  const ms = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(ms) && isoDate(ms) === value;
}

function isTimestamp(value: string): boolean {
  const match =
    /^([0-9-]{10})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})$/.exec(value);
  if (match === null || !isDate(match[1] ?? "")) return false;
  const zone = match[4]?.toUpperCase() ?? "";
  return !Number.isNaN(Date.parse(`${match[1]}T${match[2]}${zone}`)) && !match[2]?.startsWith("24");
}

function isJson(value: unknown): value is JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return typeof value === "object" && Object.values(value).every(isJson);
}
