import { invalidQuery } from "../../errors.ts";
import type { FunctionCall } from "./index.ts";

/** Parts of one length, in microseconds. */
export const MICROS: Record<string, number> = {
  MICROSECOND: 1,
  MILLISECOND: 1_000,
  SECOND: 1_000_000,
  MINUTE: 60_000_000,
  HOUR: 3_600_000_000,
  DAY: 86_400_000_000,
};
/** Parts of so many months. */
export const MONTHS: Record<string, number> = { MONTH: 1, QUARTER: 3, YEAR: 12 };

export function badPart(found: FunctionCall, part: string): Error {
  return invalidQuery(`Unsupported date part ${part} in ${found.name}${found.where}`);
}

/** value + count parts; undefined where the family (DATE, DATETIME, TIMESTAMP) does not take the part. */
export function shift(value: string, count: string, part: string, family: string): string | undefined {
  const months = MONTHS[part];
  if (months !== undefined && family !== "TIMESTAMP")
    return `${value} + to_months(CAST(${count} * ${months} AS INTEGER))`;
  if ((part === "DAY" || part === "WEEK") && family === "DATE")
    return `${value} + CAST(${count} * ${part === "WEEK" ? 7 : 1} AS INTEGER)`;
  const micros = part === "WEEK" && family === "DATETIME" ? 7 * (MICROS.DAY ?? 0) : MICROS[part];
  if (micros === undefined || family === "DATE") return undefined;
  return `${value} + to_microseconds(${count} * ${micros})`;
}
