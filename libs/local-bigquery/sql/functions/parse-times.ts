import { notImplemented } from "../../errors.ts";
import { quote } from "../expr.ts";
import { constantText, lower } from "../lower-expr.ts";
import { call, sig } from "../signature.ts";
import { DATE, DATETIME, duckType, TIME, TIMESTAMP, type Type } from "../types.ts";
import type { FunctionCall, Special } from "./index.ts";

/** Elements of PARSE_* that DuckDB's strptime reads the same way, and what text each takes. */
const ELEMENTS: Record<string, string> = {
  "%Y": "[0-9]{1,4}",
  "%y": "[0-9]{2}",
  "%m": "[0-9]{1,2}",
  "%d": "[0-9]{1,2}",
  "%H": "[0-9]{1,2}",
  "%M": "[0-9]{1,2}",
  "%S": "[0-9]{1,2}",
  "%b": "[A-Za-z]+",
  "%B": "[A-Za-z]+",
  "%%": "%",
};
const SPELLED: Record<string, string> = { "%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%E4Y": "%Y", "%R": "%H:%M" };

/** The last element of a TIMESTAMP's format, where it is a zone, and what text it takes. */
const ZONES: Record<string, string> = {
  "%z": "[+-][0-9]{2}(?:[0-9]{2})?",
  "%Ez": "Z|[+-][0-9]{2}(?::?[0-9]{2})?",
  "%Z": "[^ ]+",
};

function parse(type: Type): Special {
  return (found) => {
    const { context, args, name, where } = found;
    const text = constantText(context, args[0]);
    if (text === undefined || args.length !== 2)
      throw notImplemented(`${name} with a format that is no string literal, or with a time zone${where}`);
    const zone = type.kind === "TIMESTAMP" ? /%(?:E?z|Z)$/.exec(text)?.[0] : undefined;
    const format = duckFormat(found, text.slice(0, text.length - (zone?.length ?? 0)), type);
    const lowered = args.map((arg) => lower(context, arg));
    const make = (_: string, s: string): string =>
      zone === undefined
        ? `CAST(strptime(${s}, ${quote(format)}) AS ${duckType(type)})`
        : zoned(s, format, ZONES[zone] ?? "");
    return call(name, [sig("STRING, STRING", type.kind, make)], lowered, where);
  };
}

/** The format in elements that DuckDB knows; refused where there are others. */
function duckFormat({ name, where }: FunctionCall, text: string, type: Type): string {
  const format = text.replace(/%(?:E4Y|[FTR])/g, (element) => SPELLED[element] ?? element);
  // Without a year strptime takes 1900, GoogleSQL 1970.
  const dated = type.kind === "TIME" || /%[Yy]/.test(format);
  const known = [...format.matchAll(/%.?/g)].every(([element]) => ELEMENTS[element] !== undefined);
  if (!dated || !known) throw notImplemented(`format ${JSON.stringify(text)} in ${name}${where}`);
  return format;
}

/** A date and clock, then a zone: "2024-01-15 12:00:00+05:30". */
function zoned(s: string, format: string, zone: string): string {
  const local = format.replace(/%.|\s+|[^%\s]/g, (part) =>
    part.trim() === "" ? "\\s*" : (ELEMENTS[part] ?? part.replace(/[^\w]/, "\\$&")),
  );
  const pattern = quote(`^(${local})(${zone})$`);
  const part = (n: number): string => `regexp_extract(${s}, ${pattern}, ${n})`;
  return `CASE WHEN regexp_matches(${s}, ${pattern}) THEN bq.in_zone(strptime(${part(1)}, ${quote(format)}), ${part(2)})
    WHEN ${s} IS NOT NULL THEN bq.raise(concat('Failed to parse input string "', ${s}, '"')) END`;
}

export const PARSE_SPECIALS: Record<string, Special> = {
  PARSE_DATE: parse(DATE),
  PARSE_DATETIME: parse(DATETIME),
  PARSE_TIMESTAMP: parse(TIMESTAMP),
  PARSE_TIME: parse(TIME),
};
