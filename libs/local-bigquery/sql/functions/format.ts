import { invalidQuery, notImplemented } from "../../errors.ts";
import { castTo } from "../casts.ts";
import { type Expr, quote } from "../expr.ts";
import { constantText, lower } from "../lower-expr.ts";
import { FLOAT64, STRING, typeName } from "../types.ts";
import type { Special } from "./index.ts";

const SPECIFIER = /%([-+ #0]*)(\d*)(?:\.(\d+))?([a-zA-Z%*'])/g;

/** FORMAT with a constant pattern: the pieces of it joined. A NULL makes the whole NULL, but for %t and %T. */
export const format: Special = ({ context, args, name, where }) => {
  const pattern = constantText(context, args[0]);
  if (pattern === undefined) throw notImplemented(`${name} with a pattern that is no string literal${where}`);
  const values = args.slice(1).map((arg) => lower(context, arg));
  const pieces: string[] = [];
  let from = 0;
  let used = 0;
  for (const match of pattern.matchAll(SPECIFIER)) {
    if (match.index > from) pieces.push(quote(pattern.slice(from, match.index)));
    from = match.index + match[0].length;
    if (match[4] === "%") {
      pieces.push(quote("%"));
      continue;
    }
    const value = values[used++];
    if (!value)
      throw invalidQuery(`Too few arguments to FORMAT for pattern ${JSON.stringify(pattern)}${where}`);
    pieces.push(specified(match[0], match[1] ?? "", match[4] ?? "", value, where));
  }
  if (pattern.slice(from).includes("%") || used < values.length)
    throw invalidQuery(`FORMAT's arguments do not match the pattern ${JSON.stringify(pattern)}${where}`);
  if (from < pattern.length || pieces.length === 0) pieces.push(quote(pattern.slice(from)));
  return { sql: `(${pieces.join(" || ")})`, type: STRING };
};

function specified(spec: string, flags: string, letter: string, value: Expr, where: string): string {
  const kind = value.type.kind;
  const refuse = (): never => {
    throw notImplemented(`${spec} of ${typeName(value.type)} in FORMAT${where}`);
  };
  if (flags.includes("#")) return refuse();
  if (letter === "d" || letter === "i") {
    if (kind !== "INT64" || spec.includes(".")) return refuse();
    return `printf(${quote(spec.replace(/i$/, "d"))}, ${value.sql})`;
  }
  if ("fFeE".includes(letter)) {
    if (kind !== "FLOAT64") return refuse();
    const finite = `printf(${quote(spec)}, ${castTo(value, FLOAT64, where, false).sql})`;
    return `CASE WHEN isfinite(${value.sql}) THEN ${finite} WHEN ${value.sql} IS NOT NULL THEN bq.raise('FORMAT of a value that is not finite is not supported locally') END`;
  }
  if (letter === "s" && kind === "STRING" && /^%-?\d*s$/.test(spec)) return padded(spec, value.sql);
  if (letter === "t" && /^%-?\d*t$/.test(spec))
    return padded(spec, `COALESCE(${plain(value, refuse)}, 'NULL')`);
  return refuse();
}

/** %t of the kinds whose text is that of a cast. */
function plain(value: Expr, refuse: () => never): string {
  if (value.literal === "null") return quote("NULL");
  const same = ["INT64", "STRING", "BOOL", "DATE", "DATETIME", "TIME", "TIMESTAMP", "NUMERIC"];
  if (!same.includes(value.type.kind)) return refuse();
  return castTo(value, STRING, "", false).sql;
}

function padded(spec: string, text: string): string {
  const width = /^%(-?)(\d*)/.exec(spec);
  const [side, count] = [width?.[1] === "-" ? "rpad" : "lpad", Number(width?.[2] ?? 0)];
  return count === 0
    ? text
    : `CASE WHEN length(${text}) >= ${count} THEN ${text} ELSE ${side}(${text}, ${count}, ' ') END`;
}
