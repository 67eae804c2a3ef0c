/** The checks of this release, in the order of the vocabulary that they cover. A new one is added here. */
import { z } from "zod";
import { aggregate } from "./aggregate-check.ts";
import type { CheckType } from "./check-type.ts";
import { noOverlap, unique, uniqueCombination } from "./group-checks.ts";
import {
  acceptedValues,
  expression,
  multiColumnSum,
  notEmpty,
  notNull,
  pairOrder,
  regex,
  relationships,
  valueRange,
} from "./row-checks.ts";
import { columnsExist, columnType } from "./schema-checks.ts";
import { noGaps, outlier } from "./series-checks.ts";
import { freshness, nullShare, rowCount, rowCountEquals } from "./table-checks.ts";

export const CHECK_TYPES: readonly CheckType[] = [
  notNull,
  uniqueCombination,
  unique,
  columnsExist,
  acceptedValues,
  relationships,
  nullShare,
  expression,
  valueRange,
  columnType,
  rowCountEquals,
  rowCount,
  regex,
  noOverlap,
  notEmpty,
  freshness,
  aggregate,
  multiColumnSum,
  pairOrder,
  noGaps,
  outlier,
];

/** The check of a name. */
export function findCheckType(name: string): CheckType | undefined {
  return CHECK_TYPES.find((type) => type.name === name);
}

export const severity = z
  .enum(["info", "warn", "fail"])
  .describe("What a failed check makes of the whole: nothing, a WARNING, a FAIL");

/** One check as a template writes it. */
export const checkSchema = z.discriminatedUnion(
  "check",
  nonEmpty(
    CHECK_TYPES.map(({ name, fields }) =>
      z.strictObject({ check: z.literal(name), severity: severity.optional(), ...fields }),
    ),
  ),
);

function nonEmpty<T>(list: readonly T[]): [T, ...T[]] {
  const [first, ...rest] = list;
  if (first === undefined) throw new RangeError("there is no check");
  return [first, ...rest];
}
