import { invalidQuery, notImplemented } from "../../errors.ts";
import { now } from "../analysis.ts";
import { coerce, coercible } from "../coerce.ts";
import type { Expr } from "../expr.ts";
import { type Context, constantText, lower } from "../lower-expr.ts";
import { call, type Signature, sig } from "../signature.ts";
import { DATE, DATETIME, duckType, INT64, STRING, TIME, TIMESTAMP, type Type, typeName } from "../types.ts";
import { formatSpecifiers } from "./formats.ts";
import type { FunctionCall, Special } from "./index.ts";
import { readInterval, readPart, weekStart } from "./parts.ts";
import { SERIES_SPECIALS } from "./series.ts";
import { badPart, MICROS, MONTHS, shift } from "./shift.ts";
import { fromLocal, readZone, toLocal, type Zone } from "./zones.ts";

const date = (x: string): string => `CAST(${x} AS DATE)`;

export const DATE_FUNCTIONS: Record<string, Signature[]> = {
  DATE: [
    sig("DATE", "DATE", (d) => d),
    sig("TIMESTAMP", "DATE", date),
    sig("DATETIME", "DATE", date),
    sig("INT64, INT64, INT64", "DATE", (y, m, d) => `make_date(${y}, ${m}, ${d})`),
  ],
  DATETIME: [
    sig("DATETIME", "DATETIME", (d) => d),
    sig("TIMESTAMP", "DATETIME", (t) => t),
    sig("DATE, TIME", "DATETIME", (d, t) => `(${d} + ${t})`),
  ],
  TIMESTAMP: [
    sig("TIMESTAMP", "TIMESTAMP", (t) => t),
    sig("DATE", "TIMESTAMP", (d) => `CAST(${d} AS TIMESTAMP)`),
    sig("DATETIME", "TIMESTAMP", (d) => d),
    sig("STRING", "TIMESTAMP", (s) => `bq.to_timestamp(${s})`),
  ],
  TIME: [
    sig("TIME", "TIME", (t) => t),
    sig("TIMESTAMP", "TIME", (t) => `CAST(${t} AS TIME)`),
    sig("DATETIME", "TIME", (d) => `CAST(${d} AS TIME)`),
    sig("INT64, INT64, INT64", "TIME", (h, m, s) => `make_time(${h}, ${m}, CAST(${s} AS DOUBLE))`),
  ],
  TIMESTAMP_SECONDS: [sig("INT64", "TIMESTAMP", (n) => `make_timestamp(${n} * 1000000)`)],
  TIMESTAMP_MILLIS: [sig("INT64", "TIMESTAMP", (n) => `make_timestamp(${n} * 1000)`)],
  TIMESTAMP_MICROS: [sig("INT64", "TIMESTAMP", (n) => `make_timestamp(${n})`)],
  UNIX_SECONDS: [sig("TIMESTAMP", "INT64", (t) => `CAST(floor(epoch_us(${t}) / 1000000) AS BIGINT)`)],
  UNIX_MILLIS: [sig("TIMESTAMP", "INT64", (t) => `CAST(floor(epoch_us(${t}) / 1000) AS BIGINT)`)],
  UNIX_MICROS: [sig("TIMESTAMP", "INT64", (t) => `epoch_us(${t})`)],
  UNIX_DATE: [sig("DATE", "INT64", (d) => `date_diff('day', DATE '1970-01-01', ${d})`)],
  DATE_FROM_UNIX_DATE: [sig("INT64", "DATE", (n) => date(`DATE '1970-01-01' + CAST(${n} AS INTEGER)`))],
};

/** How each family of functions (DATE_ADD, TIMESTAMP_DIFF, ...) takes and gives its values. */
const FAMILIES: Record<string, { type: Type; largest: "DAY" | "YEAR"; smallest: "DAY" | "MICROSECOND" }> = {
  DATE: { type: DATE, largest: "YEAR", smallest: "DAY" },
  DATETIME: { type: DATETIME, largest: "YEAR", smallest: "MICROSECOND" },
  TIMESTAMP: { type: TIMESTAMP, largest: "DAY", smallest: "MICROSECOND" },
};

function familyOf(name: string): { family: string; type: Type } {
  const family = name.slice(0, name.indexOf("_"));
  const found = FAMILIES[family];
  if (found === undefined) throw notImplemented(`function ${name}`);
  return { family, type: found.type };
}

function operand(context: Context, value: unknown, type: Type, found: FunctionCall): string {
  const expr = lower(context, value);
  if (coercible(expr, type)) return coerce(expr, type).sql;
  // DATE_* take any date or time where its own kind has a function of that name too.
  throw invalidQuery(
    `No matching signature for function ${found.name} for argument types: ${typeName(expr.type)}${found.where}`,
  );
}

/** *_ADD and *_SUB. A TIMESTAMP takes no part longer than a day, a DATE none shorter. */
function add(sign: 1 | -1): Special {
  return (found) => {
    const { context, args } = found;
    const { family, type } = familyOf(found.name);
    const value = operand(context, args[0], actualType(context, args[0], type), found);
    const { count, part } = readInterval(context, args[1]);
    const made = shift(value, sign === 1 ? count : `(-${count})`, part, family);
    if (made === undefined) throw badPart(found, part);
    const result = family === "DATE" ? actualType(context, args[0], type) : type;
    return { sql: `CAST(${made} AS ${duckType(result)})`, type: result };
  };
}

/** DATE_ADD, DATE_DIFF and DATE_TRUNC also take DATETIME and TIMESTAMP values; these are lowered as their own kind. */
function actualType(context: Context, value: unknown, type: Type): Type {
  if (type.kind !== "DATE") return type;
  const expr = lower(context, value);
  if (expr.type.kind === "DATETIME" || expr.type.kind === "TIMESTAMP")
    throw notImplemented(`DATE functions on ${expr.type.kind}: use the ${expr.type.kind}_ function`);
  return type;
}

/** TIMESTAMP_DIFF counts whole units; DATE_DIFF and DATETIME_DIFF count the boundaries that lie between. */
const diff: Special = (found) => {
  const { context, args } = found;
  const { family, type } = familyOf(found.name);
  const a = operand(context, args[0], actualType(context, args[0], type), found);
  const b = operand(context, args[1], actualType(context, args[1], type), found);
  const part = readPart(args[2]);
  const micros = MICROS[part];
  if (family === "TIMESTAMP") {
    if (micros === undefined) throw badPart(found, part);
    return { sql: `((epoch_us(${a}) - epoch_us(${b})) // ${micros})`, type: INT64 };
  }
  const start = weekStart(part);
  const days = (x: string): string => `date_diff('day', DATE '1899-12-31', ${date(x)})`;
  if (start !== undefined) {
    const weeks = (x: string): string => `CAST(floor((${days(x)} - ${start}) / 7) AS BIGINT)`;
    return { sql: `(${weeks(a)} - ${weeks(b)})`, type: INT64 };
  }
  const known =
    part === "DAY" || MONTHS[part] !== undefined || (family === "DATETIME" && micros !== undefined);
  if (!known && part !== "ISOYEAR") throw badPart(found, part);
  if (part === "ISOYEAR") return { sql: `(isoyear(${a}) - isoyear(${b}))`, type: INT64 };
  return { sql: `date_diff('${part.toLowerCase()}', ${b}, ${a})`, type: INT64 };
};

/** The value to truncate: a TIMESTAMP as its zone shows it, so that days and months are the zone's. */
const trunc: Special = (found) => {
  const { context, args } = found;
  const { family, type } = familyOf(found.name);
  const actual = actualType(context, args[0], type);
  const given = operand(context, args[0], actual, found);
  const part = readPart(args[1]);
  const zone = readZone(context, args[2], found.name);
  const fine = MICROS[part] !== undefined && part !== "DAY";
  const zoned = family === "TIMESTAMP" && !fine;
  const value = zoned ? toLocal(given, zone) : given;
  const start = weekStart(part);
  const cast = (sql: string): Expr => {
    const made = `CAST(${sql} AS ${duckType(actual)})`;
    return { sql: zoned ? fromLocal(made, zone) : made, type: actual };
  };
  if (start !== undefined)
    return cast(`${date(value)} - CAST((dayofweek(${date(value)}) + ${7 - start}) % 7 AS INTEGER)`);
  if (part === "ISOYEAR") throw notImplemented(`${found.name} to ISOYEAR`);
  if (MONTHS[part] === undefined && (MICROS[part] === undefined || (family === "DATE" && part !== "DAY")))
    throw badPart(found, part);
  return cast(`date_trunc('${part.toLowerCase()}', ${value})`);
};

const lastDay: Special = (found) => {
  if (found.args.length !== 1) throw notImplemented(`LAST_DAY with a date part${found.where}`);
  return { sql: `last_day(${operand(found.context, found.args[0], DATE, found)})`, type: DATE };
};

function format(type: Type): Special {
  return (found) => {
    const { context, args, where } = found;
    const text = constantText(context, args[0]);
    if (text === undefined)
      throw notImplemented(`${found.name} with a format that is no string literal${where}`);
    const zone = readZone(context, type.kind === "TIMESTAMP" ? args[2] : undefined, found.name);
    const given = operand(context, args[1], type, found);
    const value = type.kind === "TIME" ? `(DATE '2000-01-01' + ${given})` : toLocal(given, zone);
    return { sql: formatSpecifiers(text, value, type, found.name, zone), type: STRING };
  };
}

const current = (type: Type): Special => {
  return ({ context, args, name }) => {
    const zone = readZone(context, args[0], name);
    const time = now(context.analysis).sql;
    if (type.kind === "TIMESTAMP") return { sql: time, type };
    return { sql: `CAST(${toLocal(time, zone)} AS ${duckType(type)})`, type };
  };
};

/** DATE(timestamp, zone) and its like; without a zone they are plain functions. */
function zoned(to: Type, from: Type, convert: (sql: string, zone: Zone) => string): Special {
  return (found) => {
    const { context, name, args, where } = found;
    if (args.length === 2 && isZoneArgument(context, args[1])) {
      const value = lower(context, args[0]);
      const texts = name === "TIMESTAMP" && value.type.kind === "STRING";
      if (texts) throw notImplemented(`TIMESTAMP of a STRING with a time zone${where}`);
      const zone = readZone(context, args[1], name);
      const sql = coercible(value, from) ? coerce(value, from).sql : undefined;
      if (sql === undefined)
        throw notImplemented(`${name} of ${typeName(value.type)} with a time zone${where}`);
      return { sql: `CAST(${convert(sql, zone)} AS ${duckType(to)})`, type: to };
    }
    const lowered = args.map((arg) => lower(context, arg));
    return call(name, DATE_FUNCTIONS[name] ?? [], lowered, where);
  };
}

function isZoneArgument(context: Context, value: unknown): boolean {
  return lower(context, value).type.kind === "STRING";
}

export const DATE_SPECIALS: Record<string, Special> = {
  DATE_ADD: add(1),
  DATE_SUB: add(-1),
  DATETIME_ADD: add(1),
  DATETIME_SUB: add(-1),
  TIMESTAMP_ADD: add(1),
  TIMESTAMP_SUB: add(-1),
  DATE_DIFF: diff,
  DATETIME_DIFF: diff,
  TIMESTAMP_DIFF: diff,
  DATE_TRUNC: trunc,
  DATETIME_TRUNC: trunc,
  TIMESTAMP_TRUNC: trunc,
  LAST_DAY: lastDay,
  FORMAT_DATE: format(DATE),
  FORMAT_DATETIME: format(DATETIME),
  FORMAT_TIMESTAMP: format(TIMESTAMP),
  CURRENT_DATE: current(DATE),
  CURRENT_TIMESTAMP: current(TIMESTAMP),
  CURRENT_DATETIME: current(DATETIME),
  CURRENT_TIME: current(TIME),
  ...SERIES_SPECIALS,
  FORMAT_TIME: format(TIME),
  DATE: zoned(DATE, TIMESTAMP, toLocal),
  DATETIME: zoned(DATETIME, TIMESTAMP, toLocal),
  TIME: zoned(TIME, TIMESTAMP, toLocal),
  TIMESTAMP: zoned(TIMESTAMP, DATETIME, fromLocal),
};
