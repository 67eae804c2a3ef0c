import { invalidQuery } from "../../errors.ts";
import { pack, quote } from "../expr.ts";
import { constantText, lower } from "../lower-expr.ts";
import { type RangeEnds, readRange } from "../range-text.ts";
import { type Signature, sig } from "../signature.ts";
import { duckType, type RangeElement, type RangeType, rangeOf, typeName } from "../types.ts";
import type { FunctionCall, Special } from "./index.ts";
import { limitArray } from "./limits.ts";
import { readInterval } from "./parts.ts";
import { badPart, shift } from "./shift.ts";

/** A RANGE of known ends, in DuckDB SQL. */
export function rangeSql({ start, end }: RangeEnds, type: RangeType): string {
  const element = duckType({ kind: type.element });
  return pack([start, end].map((text) => `CAST(${quote(text)} AS ${element})`));
}

/** RANGE<T> '[start, end)': source.ts makes it a call of `range<t>`. */
function literal(element: RangeElement): Special {
  return ({ context, args, where }) => {
    const type = rangeOf(element);
    const text = constantText(context, args[0]);
    const ends = text === undefined ? undefined : readRange(element, text);
    if (ends === undefined)
      throw invalidQuery(`Invalid ${typeName(type)} literal value: ${JSON.stringify(text)}${where}`);
    return { sql: rangeSql(ends, type), type, where };
  };
}

/** RANGE(start, end): a NULL leaves that end open. */
function construct(element: RangeElement): Signature {
  const duck = duckType({ kind: element });
  const end = (x: string, open: string): string => `COALESCE(${x}, CAST('${open}' AS ${duck}))`;
  return sig(
    `${element}, ${element}`,
    `RANGE<${element}>`,
    (s, e) => `bq.make_range(${end(s, "-infinity")}, ${end(e, "infinity")})`,
  );
}

const contains = (a: string, b: string): string => `(${a}._0 <= ${b}._0 AND ${b}._1 <= ${a}._1)`;

export const RANGE_FUNCTIONS: Record<string, Signature[]> = {
  RANGE: [construct("DATE"), construct("DATETIME"), construct("TIMESTAMP")],
  RANGE_START: [sig("RANGE<E>", "E", (r) => `bq.range_bound(${r}._0)`)],
  RANGE_END: [sig("RANGE<E>", "E", (r) => `bq.range_bound(${r}._1)`)],
  RANGE_IS_START_UNBOUNDED: [sig("RANGE<E>", "BOOL", (r) => `isinf(${r}._0)`)],
  RANGE_IS_END_UNBOUNDED: [sig("RANGE<E>", "BOOL", (r) => `isinf(${r}._1)`)],
  RANGE_CONTAINS: [
    sig("RANGE<E>, RANGE<E>", "BOOL", contains),
    sig("RANGE<E>, E", "BOOL", (r, x) => `(${r}._0 <= ${x} AND ${x} < ${r}._1)`),
  ],
  RANGE_OVERLAPS: [sig("RANGE<E>, RANGE<E>", "BOOL", (a, b) => `(bq.range_overlaps(${a}, ${b}))`)],
  RANGE_INTERSECT: [sig("RANGE<E>, RANGE<E>", "RANGE<E>", (a, b) => `bq.range_intersect(${a}, ${b})`)],
};

/** GENERATE_RANGE_ARRAY(range, INTERVAL n part [, keep the last one if it is shorter]). */
const generate: Special = (found) => {
  const { context, args, name, where } = found;
  const range = lower(context, args[0]);
  const { type } = range;
  if (type.kind !== "RANGE")
    throw invalidQuery(
      `No matching signature for function ${name} for argument types: ${typeName(type)}${where}`,
    );
  const { count, part } = readInterval(context, args[1]);
  const keeps = args[2] === undefined ? "TRUE" : lower(context, args[2]).sql;
  const list = `list_filter(${steps(found, type, count, part)}, lambda x: x._0 < r._1 AND (x._1 <= r._1 OR ${keeps}))`;
  const cut = `list_transform(${list}, lambda x: struct_pack(_0 := x._0, _1 := least(x._1, r._1)))`;
  const sql = `(SELECT CASE WHEN isinf(r._0) OR isinf(r._1) THEN bq.raise('Input RANGE cannot have UNBOUNDED start or end in ${name}')
    WHEN ${count} <= 0 THEN bq.raise('${name} needs a positive step') WHEN r IS NOT NULL THEN ${cut} END FROM (SELECT ${range.sql} AS r))`;
  return { sql, type: { kind: "ARRAY", element: type }, where };
};

/** Ranges of one step each from r's start on, more than enough of them. Each is counted from the start: months keep its day. */
function steps(found: FunctionCall, { element }: RangeType, count: string, part: string): string {
  const at = (n: string): string => {
    const made = shift("r._0", `(${n} * ${count})`, part, element);
    if (made === undefined) throw badPart(found, part);
    return `CAST(${made} AS ${duckType({ kind: element })})`;
  };
  const unit = part === "QUARTER" ? "month" : part.toLowerCase();
  const most = `date_diff('${unit}', r._0, r._1) // ${count} + 1`;
  const made = `list_transform(range(0, ${most}), lambda n: struct_pack(_0 := ${at("n")}, _1 := ${at("(n + 1)")}))`;
  return limitArray("GENERATE_RANGE_ARRAY", "0", most, "1", made);
}

export const RANGE_SPECIALS: Record<string, Special> = {
  "RANGE<DATE>": literal("DATE"),
  "RANGE<DATETIME>": literal("DATETIME"),
  "RANGE<TIMESTAMP>": literal("TIMESTAMP"),
  GENERATE_RANGE_ARRAY: generate,
};
