// First: from another end, the circle of modules around the lowering table is not ready when it is read.
import "../sql/statement.ts";

import * as arrays from "../sql/functions/arrays.ts";
import * as bytes from "../sql/functions/bytes.ts";
import * as dates from "../sql/functions/dates.ts";
import * as intervals from "../sql/functions/intervals.ts";
import * as jsons from "../sql/functions/jsons.ts";
import * as math from "../sql/functions/math.ts";
import * as ranges from "../sql/functions/ranges.ts";
import * as strings from "../sql/functions/strings.ts";
import type { Dice } from "./random.ts";

interface Signature {
  params: string[];
  result: string;
}

interface Callable extends Signature {
  name: string;
}

/** Every signature of the lowering table. */
const CALLABLES: Callable[] = [arrays, bytes, dates, intervals, jsons, math, ranges, strings]
  .flatMap((family) => Object.values(family))
  .flatMap((table) => (typeof table === "object" && table !== null ? Object.entries(table) : []))
  .flatMap(([name, signatures]) =>
    Array.isArray(signatures)
      ? signatures.filter(isSignature).map((signature) => ({ ...signature, name }))
      : [],
  );

function isSignature(value: unknown): value is Signature {
  return typeof value === "object" && value !== null && "params" in value && "result" in value;
}

/** Literals and columns of d.t AS t by their type; ill-typed and unheard-of ones as NONE. */
const ATOMS: Record<string, string[]> = {
  INT64: [
    "id",
    "t.id",
    "0",
    "1",
    "-1",
    "3",
    "9223372036854775807",
    "-9223372036854775808",
    "0x1F",
    "st.x",
    "a[OFFSET(0)]",
  ],
  FLOAT64: ["f", "1.5", "1e300", "-0.0", "CAST('nan' AS FLOAT64)", "CAST('-inf' AS FLOAT64)"],
  NUMERIC: ["n", "NUMERIC '0.1'", "NUMERIC '-99999999999999999999999999999.999999999'"],
  BOOL: ["b", "TRUE", "FALSE", "id = 1", "s IS NULL", "f > 1"],
  STRING: [
    "s",
    "'x'",
    "''",
    "'2024-01-01'",
    "'%d'",
    "r'\\d+'",
    "'é🙂'",
    "'$.a'",
    "'UTC'",
    "st.y",
    "JSON_VALUE(j, '$.a')",
  ],
  BYTES: ["by", "b'x'", "b'\\xff\\x00'", "b''"],
  DATE: [
    "d",
    "DATE '2024-02-29'",
    "DATE '0001-01-01'",
    "DATE '9999-12-31'",
    "'2024-01-01'",
    "CURRENT_DATE()",
  ],
  DATETIME: ["dt", "DATETIME '2024-01-01 00:00:00'", "DATETIME '9999-12-31 23:59:59.999999'"],
  TIME: ["ti", "TIME '01:02:03.5'", "TIME '23:59:59.999999'"],
  TIMESTAMP: [
    "ts",
    "TIMESTAMP '2024-01-01 05:06:07.123456+00'",
    "TIMESTAMP '0001-01-01'",
    "CURRENT_TIMESTAMP()",
  ],
  JSON: ["j", "JSON '{\"a\": [1, null]}'", "JSON 'null'", "j.a", "PARSE_JSON('[1]')"],
  INTERVAL: ["INTERVAL 1 DAY", "INTERVAL '1-2' YEAR TO MONTH", "INTERVAL -5 HOUR"],
  "RANGE<DATE>": ["RANGE<DATE> '[2024-01-01, UNBOUNDED)'", "RANGE(DATE '2024-01-01', NULL)"],
  "ARRAY<INT64>": ["a", "[1, 2]", "GENERATE_ARRAY(1, 3)"],
  "ARRAY<STRING>": ["['a', 'b']", "SPLIT(s)", "ARRAY(SELECT k FROM UNNEST(ar))"],
  "ARRAY<BOOL>": ["[TRUE]"],
  NONE: [
    "NULL",
    "ar",
    "st",
    "[]",
    "(1, 'x')",
    "STRUCT(1 AS q)",
    "@p",
    "?",
    "@@time_zone",
    "*",
    "DAY",
    "nope",
    "ar[0]",
    "t",
  ],
};
const TYPES = Object.keys(ATOMS).filter((type) => type !== "NONE");
const NUMBERS = ["INT64", "FLOAT64", "NUMERIC"];
const ORDERED = [...NUMBERS, "STRING", "DATE", "TIMESTAMP", "DATETIME", "TIME", "BYTES", "BOOL"];
const LETTERS: Record<string, string[]> = {
  N: NUMBERS,
  O: ORDERED,
  G: ORDERED,
  T: ORDERED,
  E: ["DATE", "DATETIME", "TIMESTAMP"],
};

/** Any of the types that expressions are made of. */
export function anyType(dice: Dice): string {
  return dice.pick(TYPES);
}

/** A random expression, mostly of the type, at most `depth` calls deep. */
export function expression(dice: Dice, type: string, depth: number): string {
  if (dice.chance(0.04)) return dice.pick(ATOMS[dice.pick([...TYPES, "NONE"])] ?? ["NULL"]);
  const atoms = ATOMS[type] ?? ["NULL"];
  if (depth <= 0 || dice.chance(0.25)) return dice.chance(0.06) ? "NULL" : dice.pick(atoms);
  const made = dice.chance(0.65) ? callOf(dice, type, depth) : undefined;
  return made ?? dice.pick(FORMS)(dice, type, depth);
}

/** A call of a function that gives the type. */
function callOf(dice: Dice, type: string, depth: number): string | undefined {
  const fitting = CALLABLES.filter(({ result }) => result === type || LETTERS[result]?.includes(type));
  if (fitting.length === 0) return undefined;
  const { name, params, result } = dice.pick(fitting);
  const bound = new Map([[result, type]]);
  const args = params.flatMap((param) => {
    if (param.endsWith("?") && dice.chance(0.5)) return [];
    const count = param.endsWith("*") ? dice.below(3) : 1;
    const own = param.replace(/[?*]$/, "").replace(/\b[TNOGE]\b/, (letter) => {
      const chosen = bound.get(letter) ?? dice.pick(LETTERS[letter] ?? TYPES);
      bound.set(letter, chosen);
      return chosen;
    });
    return Array.from({ length: count }, () => expression(dice, own, depth - 1));
  });
  return `${dice.chance(0.05) ? "SAFE." : ""}${name}(${args.join(", ")})`;
}

type Form = (dice: Dice, type: string, depth: number) => string;

const FORMS: Form[] = [
  (dice, type, depth) => {
    const [x, y] = [expression(dice, type, depth - 1), expression(dice, type, depth - 1)];
    return NUMBERS.includes(type) ? `(${x} ${dice.pick(["+", "-", "*", "/"])} ${y})` : `COALESCE(${x}, ${y})`;
  },
  (dice, type, depth) => {
    const compared = dice.pick(ORDERED);
    const [x, y] = [expression(dice, compared, depth - 1), expression(dice, compared, depth - 1)];
    const condition = `${x} ${dice.pick(["=", "<", ">=", "!=", "IS DISTINCT FROM", "LIKE"])} ${y}`;
    return `IF(${condition}, ${expression(dice, type, depth - 1)}, ${expression(dice, type, depth - 1)})`;
  },
  (dice, type, depth) =>
    `${dice.pick(["CAST", "SAFE_CAST"])}(${expression(dice, anyType(dice), depth - 1)} AS ${type})`,
  (dice, type, depth) =>
    `CASE ${expression(dice, "STRING", depth - 1)} WHEN 'x' THEN ${expression(dice, type, depth - 1)} ELSE ${expression(dice, type, depth - 1)} END`,
  (dice, type, depth) =>
    `(SELECT ${dice.pick(["MAX", "ANY_VALUE", "MIN"])}(${expression(dice, type, depth - 1)}) FROM d.t)`,
  (dice, type, depth) =>
    `${expression(dice, `ARRAY<${type}>`, depth - 1)}[SAFE_OFFSET(${expression(dice, "INT64", 0)})]`,
  (dice, type, depth) => `NULLIF(${expression(dice, type, depth - 1)}, ${expression(dice, type, depth - 1)})`,
];

/** A condition. */
export function condition(dice: Dice, depth: number): string {
  const type = dice.pick(ORDERED);
  const e = (): string => expression(dice, type, depth);
  return dice.pick([
    () => `${e()} ${dice.pick(["=", "<", ">=", "!=", "IS DISTINCT FROM"])} ${e()}`,
    () => `${e()} BETWEEN ${e()} AND ${e()}`,
    () => `${e()} ${dice.pick(["IN", "NOT IN"])} (${dice.list(1, 3, e).join(", ")})`,
    () => `${e()} IN UNNEST([${e()}, ${e()}])`,
    () => `${e()} IS ${dice.pick(["", "NOT "])}NULL`,
    () =>
      `NOT (${condition(dice, depth - 1)}) ${dice.pick(["AND", "OR"])} ${expression(dice, "BOOL", depth)}`,
    () => `EXISTS (SELECT 1 FROM d.u AS i WHERE i.id = ${expression(dice, "INT64", 0)})`,
  ])();
}

/** An aggregate over the rows. */
export function aggregate(dice: Dice, depth: number): string {
  const number = dice.pick(NUMBERS);
  const type = dice.pick(ORDERED);
  const e = (): string => expression(dice, type, depth);
  return dice.pick([
    () =>
      `${dice.pick(["SUM", "AVG", "STDDEV", "VAR_POP"])}(${dice.pick(["", "DISTINCT "])}${expression(dice, number, depth)})`,
    () => `${dice.pick(["MIN", "MAX", "ANY_VALUE", "COUNT", "APPROX_COUNT_DISTINCT"])}(${e()})`,
    () => `STRING_AGG(${expression(dice, "STRING", depth)}, '-' ORDER BY ${e()} LIMIT 2)`,
    () => `ARRAY_AGG(${e()} IGNORE NULLS ORDER BY ${e()} DESC)`,
    () => `COUNTIF(${condition(dice, depth)})`,
    () => `APPROX_QUANTILES(${expression(dice, number, depth)}, 2)`,
    () => `LOGICAL_OR(${condition(dice, depth)})`,
    () => "COUNT(*)",
  ])();
}

/** A window function over the rows. */
export function windowed(dice: Dice, depth: number): string {
  const type = dice.pick(ORDERED);
  const e = (): string => expression(dice, type, depth);
  const frame = dice.pick([
    "",
    "",
    " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
    " RANGE UNBOUNDED PRECEDING",
  ]);
  const called = dice.pick([
    () => dice.pick(["ROW_NUMBER()", "RANK()", "DENSE_RANK()", "PERCENT_RANK()", "NTILE(2)"]),
    () => `${dice.pick(["LAG", "LEAD"])}(${e()}, 1)`,
    () => `${dice.pick(["FIRST_VALUE", "LAST_VALUE"])}(${e()} ${dice.pick(["", "IGNORE NULLS"])})`,
    () => aggregate(dice, 0),
  ])();
  return `${called} OVER (PARTITION BY ${e()} ORDER BY ${expression(dice, dice.pick(ORDERED), depth)}${frame})`;
}
