import { type Signature, sig } from "../signature.ts";
import { limitArray } from "./limits.ts";

const series = (from: string, to: string, step: string): string =>
  `CASE WHEN ${step} = 0 THEN bq.raise('Sequence step cannot be 0.') ELSE ${limitArray("GENERATE_ARRAY", from, to, step, `generate_series(${from}, ${to}, ${step})`)} END`;

export const ARRAY_FUNCTIONS: Record<string, Signature[]> = {
  ARRAY_LENGTH: [sig("ARRAY<T>", "INT64", (a) => `CAST(len(${a}) AS BIGINT)`)],
  ARRAY_CONCAT: [
    sig("ARRAY<T>*", "ARRAY<T>", (...a) =>
      a.length === 1
        ? (a[0] ?? "")
        : `CASE WHEN ${a.map((x) => `${x} IS NULL`).join(" OR ")} THEN NULL ELSE list_concat(${a.join(", ")}) END`,
    ),
  ],
  ARRAY_REVERSE: [sig("ARRAY<T>", "ARRAY<T>", (a) => `list_reverse(${a})`)],
  ARRAY_TO_STRING: [
    sig(
      "ARRAY<STRING>, STRING",
      "STRING",
      (a, d) =>
        `CASE WHEN ${d} IS NULL THEN NULL ELSE COALESCE(array_to_string(list_filter(${a}, lambda x: x IS NOT NULL), ${d}), CASE WHEN ${a} IS NOT NULL THEN '' END) END`,
    ),
    sig(
      "ARRAY<STRING>, STRING, STRING",
      "STRING",
      (a, d, n) => `array_to_string(list_transform(${a}, lambda x: COALESCE(x, ${n})), ${d})`,
    ),
  ],
  ARRAY_FIRST: [
    sig(
      "ARRAY<T>",
      "T",
      (a) =>
        `CASE WHEN len(${a}) = 0 THEN bq.raise('ARRAY_FIRST cannot get the first element of an empty array') ELSE ${a}[1] END`,
    ),
  ],
  ARRAY_LAST: [
    sig(
      "ARRAY<T>",
      "T",
      (a) =>
        `CASE WHEN len(${a}) = 0 THEN bq.raise('ARRAY_LAST cannot get the last element of an empty array') ELSE ${a}[len(${a})] END`,
    ),
  ],
  GENERATE_ARRAY: [
    sig("INT64, INT64", "ARRAY<INT64>", (a, b) => series(a, b, "1")),
    sig("INT64, INT64, INT64", "ARRAY<INT64>", series),
  ],
};
