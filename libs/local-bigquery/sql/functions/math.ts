import { notImplemented } from "../../errors.ts";
import { type Signature, sig } from "../signature.ts";

const positive = (name: string, x: string): string =>
  `CASE WHEN ${x} <= 0 THEN bq.raise(concat('Floating point error in function: ${name}(', bq.float_text(${x}), ')')) ELSE ${name === "LN" ? "ln" : "log10"}(${x}) END`;

/** On NUMERIC these give NUMERIC, to the last digit; DuckDB has them for DOUBLE alone. */
function noNumeric(name: string, params: string): Signature {
  return sig(params, "NUMERIC", () => {
    throw notImplemented(`${name} on NUMERIC`);
  });
}

const safely = (operation: string) => (a: string, b: string) => `TRY(${a} ${operation} ${b})`;

const exactRound = (x: string): string => `CAST(round(${x}, 0) AS DECIMAL(38,9))`;

const real = (duck: string): Signature[] => [
  sig("FLOAT64", "FLOAT64", (x) => `bq.finite(${duck}(${x}), ${x}, 0)`),
];

/** A function that is an error outside some arguments. */
function within(name: string, fits: (x: string) => string, make: (x: string) => string): Signature[] {
  const fault = (x: string): string =>
    `bq.raise(concat('Floating point error in function: ${name}(', bq.float_text(${x}), ')'))`;
  return [
    sig(
      "FLOAT64",
      "FLOAT64",
      (x) => `CASE WHEN isnan(${x}) THEN ${x} WHEN NOT (${fits(x)}) THEN ${fault(x)} ELSE ${make(x)} END`,
    ),
  ];
}

const nonZero = (x: string): string => `${x} <> 0`;

const anyNull = (args: string[]): string => args.map((a) => `${a} IS NULL`).join(" OR ");

/** GREATEST and LEAST are NULL if one argument is, NaN if one is. */
function extreme(name: string): Signature[] {
  const make =
    (check: (a: string) => string) =>
    (...args: string[]) =>
      `CASE WHEN ${anyNull(args)} THEN NULL ${check(args.map((a) => `isnan(${a})`).join(" OR "))} ELSE ${name}(${args.join(", ")}) END`;
  return [
    sig(
      "INT64, INT64*",
      "INT64",
      make(() => ""),
    ),
    sig(
      "NUMERIC, NUMERIC*",
      "NUMERIC",
      make(() => ""),
    ),
    sig(
      "FLOAT64, FLOAT64*",
      "FLOAT64",
      make((nan) => `WHEN ${nan} THEN CAST('NaN' AS DOUBLE)`),
    ),
    sig(
      "O, O*",
      "O",
      make(() => ""),
    ),
  ];
}

export const MATH_FUNCTIONS: Record<string, Signature[]> = {
  ABS: [sig("N", "N", (x) => `abs(${x})`)],
  SIGN: [
    sig("INT64", "INT64", (x) => `CAST(sign(${x}) AS BIGINT)`),
    sig("NUMERIC", "NUMERIC", (x) => `CAST(sign(${x}) AS DECIMAL(38,9))`),
    sig("FLOAT64", "FLOAT64", (x) => `CASE WHEN isnan(${x}) THEN ${x} ELSE CAST(sign(${x}) AS DOUBLE) END`),
  ],
  ROUND: [
    sig("NUMERIC", "NUMERIC", exactRound),
    sig("FLOAT64", "FLOAT64", (x) => `round(${x})`),
    sig("NUMERIC, INT64", "NUMERIC", (x, n) => `bq.numeric_round(${x}, ${n})`),
    sig("FLOAT64, INT64", "FLOAT64", (x, n) => `round(${x}, CAST(${n} AS INTEGER))`),
  ],
  TRUNC: [
    sig("NUMERIC", "NUMERIC", (x) => `CAST(trunc(${x}) AS DECIMAL(38,9))`),
    sig("FLOAT64", "FLOAT64", (x) => `trunc(${x})`),
  ],
  CEIL: [
    sig("NUMERIC", "NUMERIC", (x) => `CAST(ceil(${x}) AS DECIMAL(38,9))`),
    sig("FLOAT64", "FLOAT64", (x) => `ceil(${x})`),
  ],
  FLOOR: [
    sig("NUMERIC", "NUMERIC", (x) => `CAST(floor(${x}) AS DECIMAL(38,9))`),
    sig("FLOAT64", "FLOAT64", (x) => `floor(${x})`),
  ],
  SQRT: [
    noNumeric("SQRT", "NUMERIC"),
    sig(
      "FLOAT64",
      "FLOAT64",
      (x) =>
        `CASE WHEN ${x} < 0 THEN bq.raise(concat('Argument to SQRT cannot be negative: ', bq.float_text(${x}))) ELSE sqrt(${x}) END`,
    ),
  ],
  POW: [
    noNumeric("POW", "NUMERIC, NUMERIC"),
    sig("FLOAT64, FLOAT64", "FLOAT64", (x, y) => `bq.finite(pow(${x}, ${y}), ${x}, ${y})`),
  ],
  POWER: [
    noNumeric("POWER", "NUMERIC, NUMERIC"),
    sig("FLOAT64, FLOAT64", "FLOAT64", (x, y) => `bq.finite(pow(${x}, ${y}), ${x}, ${y})`),
  ],
  EXP: [noNumeric("EXP", "NUMERIC"), sig("FLOAT64", "FLOAT64", (x) => `bq.finite(exp(${x}), ${x}, 0)`)],
  LN: [noNumeric("LN", "NUMERIC"), sig("FLOAT64", "FLOAT64", (x) => positive("LN", x))],
  LOG10: [noNumeric("LOG10", "NUMERIC"), sig("FLOAT64", "FLOAT64", (x) => positive("LOG10", x))],
  LOG: [
    noNumeric("LOG", "NUMERIC, NUMERIC?"),
    sig("FLOAT64", "FLOAT64", (x) => positive("LN", x)),
    sig("FLOAT64, FLOAT64", "FLOAT64", (x, b) => `(${positive("LN", x)} / ${positive("LN", b)})`),
  ],
  MOD: [
    sig("INT64, INT64", "INT64", (a, b) => `bq.int_mod(${a}, ${b})`),
    sig("NUMERIC, NUMERIC", "NUMERIC", (a, b) => `bq.numeric_mod(${a}, ${b})`),
  ],
  DIV: [sig("INT64, INT64", "INT64", (a, b) => `bq.int_div(${a}, ${b})`)],
  SAFE_DIVIDE: [
    sig("FLOAT64, FLOAT64", "FLOAT64", (a, b) => `CASE WHEN ${b} = 0 THEN NULL ELSE ${a} / ${b} END`),
    sig(
      "NUMERIC, NUMERIC",
      "NUMERIC",
      (a, b) => `CASE WHEN ${b} = 0 THEN NULL ELSE bq.numeric_div(${a}, ${b}) END`,
    ),
  ],
  IEEE_DIVIDE: [
    sig(
      "FLOAT64, FLOAT64",
      "FLOAT64",
      (a, b) =>
        `CASE WHEN ${b} = 0 AND (${a} = 0 OR isnan(${a})) THEN CAST('NaN' AS DOUBLE) ELSE ${a} / ${b} END`,
    ),
  ],
  SAFE_ADD: [
    sig("NUMERIC, NUMERIC", "NUMERIC", (a, b) => `TRY(CAST(${a} + ${b} AS DECIMAL(38,9)))`),
    sig("INT64, INT64", "INT64", safely("+")),
    sig("FLOAT64, FLOAT64", "FLOAT64", safely("+")),
  ],
  SAFE_SUBTRACT: [
    sig("NUMERIC, NUMERIC", "NUMERIC", (a, b) => `TRY(CAST(${a} - ${b} AS DECIMAL(38,9)))`),
    sig("INT64, INT64", "INT64", safely("-")),
    sig("FLOAT64, FLOAT64", "FLOAT64", safely("-")),
  ],
  SAFE_MULTIPLY: [
    sig("NUMERIC, NUMERIC", "NUMERIC", (a, b) => `TRY(CAST(${a} * ${b} AS DECIMAL(38,9)))`),
    sig("INT64, INT64", "INT64", safely("*")),
    sig("FLOAT64, FLOAT64", "FLOAT64", safely("*")),
  ],
  SAFE_NEGATE: [
    sig("NUMERIC", "NUMERIC", (x) => `(-${x})`),
    sig("INT64", "INT64", (x) => `TRY(-${x})`),
    sig("FLOAT64", "FLOAT64", (x) => `(-${x})`),
  ],
  SIN: real("sin"),
  COS: real("cos"),
  TAN: real("tan"),
  ATAN: real("atan"),
  SINH: real("sinh"),
  COSH: real("cosh"),
  TANH: real("tanh"),
  CBRT: real("cbrt"),
  ASIN: within(
    "ASIN",
    (x) => `abs(${x}) <= 1`,
    (x) => `asin(${x})`,
  ),
  ACOS: within(
    "ACOS",
    (x) => `abs(${x}) <= 1`,
    (x) => `acos(${x})`,
  ),
  ASINH: real("asinh"),
  ACOSH: within(
    "ACOSH",
    (x) => `${x} >= 1`,
    (x) => `acosh(${x})`,
  ),
  ATANH: within(
    "ATANH",
    (x) => `abs(${x}) < 1`,
    (x) => `atanh(${x})`,
  ),
  SEC: real("1 / cos"),
  CSC: within("CSC", nonZero, (x) => `1 / sin(${x})`),
  COT: within("COT", nonZero, (x) => `1 / tan(${x})`),
  SECH: [sig("FLOAT64", "FLOAT64", (x) => `(1 / cosh(${x}))`)],
  CSCH: within("CSCH", nonZero, (x) => `1 / sinh(${x})`),
  COTH: within("COTH", nonZero, (x) => `1 / tanh(${x})`),
  RANGE_BUCKET: [
    sig(
      "O, ARRAY<O>",
      "INT64",
      (x, bounds) =>
        `CASE WHEN ${x} IS NULL THEN NULL WHEN list_count(${bounds}) < len(${bounds}) OR list_sort(${bounds}) <> ${bounds}
          THEN bq.raise('Elements in input array to RANGE_BUCKET must be in ascending order and not NULL') ELSE CAST(len(list_filter(${bounds}, lambda b: b <= ${x})) AS BIGINT) END`,
    ),
  ],
  FARM_FINGERPRINT: [
    sig("STRING", "INT64", (s) => `bq_fingerprint(encode(${s}))`),
    sig("BYTES", "INT64", (b) => `bq_fingerprint(${b})`),
  ],
  ATAN2: [sig("FLOAT64, FLOAT64", "FLOAT64", (y, x) => `atan2(${y}, ${x})`)],
  BIT_COUNT: [sig("INT64", "INT64", (x) => `CAST(bit_count(${x}) AS BIGINT)`)],
  GREATEST: extreme("greatest"),
  LEAST: extreme("least"),
  IS_NAN: [sig("FLOAT64", "BOOL", (x) => `isnan(${x})`)],
  IS_INF: [sig("FLOAT64", "BOOL", (x) => `isinf(${x})`)],
  RAND: [sig("", "FLOAT64", () => "random()")],
  NULLIF: [sig("G, G", "G", (a, b) => `CASE WHEN ${a} = ${b} THEN NULL ELSE ${a} END`)],
  NVL: [sig("T, T", "T", (a, b) => `COALESCE(${a}, ${b})`)],
  ERROR: [sig("STRING", "INT64", (m) => `CASE WHEN ${m} IS NULL THEN NULL ELSE bq.raise(${m}) END`)],
  GENERATE_UUID: [sig("", "STRING", () => "CAST(uuid() AS VARCHAR)")],
};
