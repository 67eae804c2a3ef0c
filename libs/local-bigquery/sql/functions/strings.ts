import { type Signature, sig } from "../signature.ts";
import { limitText } from "./limits.ts";

const space = "concat(' ', chr(9), chr(10), chr(11), chr(12), chr(13), chr(133), chr(160))";

/** What INITCAP begins a word after, unless told otherwise. */
const WORD_ENDS = `concat(${space}, '[](){}/|\\<>!?@"^#$&~_,.:;*%+-')`;

function trimming(name: string): Signature[] {
  return [
    sig("STRING", "STRING", (s) => `${name}(${s}, ${space})`),
    sig("STRING, STRING", "STRING", (s, chars) => `${name}(${s}, ${chars})`),
  ];
}

function padding(name: string): Signature[] {
  const pad = (s: string, n: string, p: string): string =>
    `CASE WHEN ${n} < 0 THEN bq.raise('Second argument in ${name.toUpperCase()}() cannot be negative')
      WHEN ${p} = '' THEN bq.raise('Third argument in ${name.toUpperCase()}() cannot be empty') ELSE ${limitText(name.toUpperCase(), n, `${name}(${s}, CAST(${n} AS INTEGER), ${p})`)} END`;
  return [
    sig("STRING, INT64", "STRING", (s, n) => pad(s, n, "' '")),
    sig("STRING, INT64, STRING", "STRING", pad),
  ];
}

const side = (name: string): Signature[] => [
  sig(
    "STRING, INT64",
    "STRING",
    (s, n) =>
      `CASE WHEN ${n} < 0 THEN bq.raise('Second argument in ${name.toUpperCase()}() cannot be negative') ELSE ${name}(${s}, ${n}) END`,
  ),
];

export const STRING_FUNCTIONS: Record<string, Signature[]> = {
  UPPER: [sig("STRING", "STRING", (s) => `upper(${s})`)],
  LOWER: [sig("STRING", "STRING", (s) => `lower(${s})`)],
  TRIM: trimming("trim"),
  LTRIM: trimming("ltrim"),
  RTRIM: trimming("rtrim"),
  LENGTH: [
    sig("STRING", "INT64", (s) => `CAST(length(${s}) AS BIGINT)`),
    sig("BYTES", "INT64", (s) => `CAST(octet_length(${s}) AS BIGINT)`),
  ],
  BYTE_LENGTH: [
    sig("STRING", "INT64", (s) => `CAST(strlen(${s}) AS BIGINT)`),
    sig("BYTES", "INT64", (s) => `CAST(octet_length(${s}) AS BIGINT)`),
  ],
  OCTET_LENGTH: [sig("STRING", "INT64", (s) => `CAST(strlen(${s}) AS BIGINT)`)],
  SUBSTR: [
    sig("STRING, INT64", "STRING", (s, p) => `bq.substr2(${s}, ${p})`),
    sig("STRING, INT64, INT64", "STRING", (s, p, n) => `bq.substr3(${s}, ${p}, ${n})`),
  ],
  CONCAT: [
    sig("STRING, STRING*", "STRING", (...s) => `(${s.join(" || ")})`),
    sig("BYTES, BYTES*", "BYTES", (...s) => `(${s.join(" || ")})`),
  ],
  REPLACE: [
    sig(
      "STRING, STRING, STRING",
      "STRING",
      (s, a, b) => `CASE WHEN ${a} = '' THEN ${s} ELSE replace(${s}, ${a}, ${b}) END`,
    ),
  ],
  REPEAT: [
    sig(
      "STRING, INT64",
      "STRING",
      (s, n) =>
        `CASE WHEN ${n} < 0 THEN bq.raise('Second argument in REPEAT() cannot be negative') ELSE ${limitText("REPEAT", `length(${s}) * CAST(${n} AS DOUBLE)`, `repeat(${s}, ${n})`)} END`,
    ),
  ],
  REVERSE: [sig("STRING", "STRING", (s) => `array_to_string(list_reverse(string_split(${s}, '')), '')`)],
  STARTS_WITH: [sig("STRING, STRING", "BOOL", (s, p) => `starts_with(${s}, ${p})`)],
  ENDS_WITH: [sig("STRING, STRING", "BOOL", (s, p) => `ends_with(${s}, ${p})`)],
  STRPOS: [sig("STRING, STRING", "INT64", (s, p) => `CAST(strpos(${s}, ${p}) AS BIGINT)`)],
  LPAD: padding("lpad"),
  RPAD: padding("rpad"),
  LEFT: side("left"),
  RIGHT: side("right"),
  SPLIT: [
    sig("STRING", "ARRAY<STRING>", (s) => `string_split(${s}, ',')`),
    sig("STRING, STRING", "ARRAY<STRING>", (s, d) => `string_split(${s}, ${d})`),
  ],
  ASCII: [sig("STRING", "INT64", (s) => `CASE WHEN ${s} = '' THEN 0 ELSE CAST(ascii(${s}) AS BIGINT) END`)],
  UNICODE: [
    sig("STRING", "INT64", (s) => `CASE WHEN ${s} = '' THEN 0 ELSE CAST(unicode(${s}) AS BIGINT) END`),
  ],
  TO_CODE_POINTS: [
    sig(
      "STRING",
      "ARRAY<INT64>",
      (s) =>
        `CASE WHEN ${s} = '' THEN [] ELSE list_transform(string_split(${s}, ''), lambda c: CAST(unicode(c) AS BIGINT)) END`,
    ),
  ],
  CODE_POINTS_TO_STRING: [
    sig(
      "ARRAY<INT64>",
      "STRING",
      (a) =>
        `CASE WHEN list_count(${a}) = len(${a}) THEN array_to_string(list_transform(${a}, lambda c: chr(CAST(c AS INTEGER))), '') END`,
    ),
  ],
  INITCAP: [
    sig("STRING", "STRING", (s) => `bq_initcap(${s}, ${WORD_ENDS})`),
    sig("STRING, STRING", "STRING", (s, delimiters) => `bq_initcap(${s}, ${delimiters})`),
  ],
  SOUNDEX: [sig("STRING", "STRING", (s) => `bq_soundex(${s})`)],
  CHR: [sig("INT64", "STRING", (n) => `chr(CAST(${n} AS INTEGER))`)],
  TRANSLATE: [sig("STRING, STRING, STRING", "STRING", (s, a, b) => `translate(${s}, ${a}, ${b})`)],
  STRING: [
    sig("TIMESTAMP", "STRING", (t) => `(bq.datetime_text(${t}) || '+00')`),
    sig("DATE", "STRING", (d) => `CAST(${d} AS VARCHAR)`),
    sig("DATETIME", "STRING", (d) => `bq.datetime_text(${d})`),
  ],
};
