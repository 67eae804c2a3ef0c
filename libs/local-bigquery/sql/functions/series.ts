import { notImplemented } from "../../errors.ts";
import { lower } from "../lower-expr.ts";
import { call, sig } from "../signature.ts";
import type { Special } from "./index.ts";
import { limitArray } from "./limits.ts";
import { readInterval } from "./parts.ts";
import { badPart, MICROS } from "./shift.ts";

/** GENERATE_DATE_ARRAY(from, to [, INTERVAL n part]). */
const dateArray: Special = (found) => {
  const { context, args, name, where } = found;
  const step = args[2] === undefined ? { count: "1", part: "DAY" } : readInterval(context, args[2]);
  const unit =
    step.part === "DAY"
      ? "to_days"
      : step.part === "WEEK"
        ? "to_weeks"
        : step.part === "MONTH"
          ? "to_months"
          : undefined;
  if (unit === undefined) throw notImplemented(`${name} by ${step.part}${where}`);
  const signature = sig(
    "DATE, DATE",
    "ARRAY<DATE>",
    (a, b) =>
      `list_transform(generate_series(CAST(${a} AS TIMESTAMP), CAST(${b} AS TIMESTAMP), ${unit}(CAST(${step.count} AS INTEGER))), lambda x: CAST(x AS DATE))`,
  );
  if (step.part === "MONTH") throw notImplemented(`${name} by MONTH${where}`);
  return call(
    name,
    [signature],
    args.slice(0, 2).map((arg) => lower(context, arg)),
    where,
  );
};

/** GENERATE_TIMESTAMP_ARRAY(from, to, INTERVAL n part): a step may be negative. */
const timestampArray: Special = (found) => {
  const { context, args, name, where } = found;
  const { count, part } = readInterval(context, args[2]);
  const micros = MICROS[part];
  if (micros === undefined) throw badPart(found, part);
  const signature = sig("TIMESTAMP, TIMESTAMP", "ARRAY<TIMESTAMP>", (a, b) => {
    const [from, to, step] = [`epoch_us(${a})`, `epoch_us(${b})`, `${count} * ${micros}`];
    const made = `list_transform(generate_series(${from}, ${to}, ${step}), lambda x: make_timestamp(x))`;
    return `CASE WHEN ${count} = 0 THEN bq.raise('Sequence step cannot be 0.') ELSE ${limitArray(name, from, to, `(${step})`, made)} END`;
  });
  return call(
    name,
    [signature],
    args.slice(0, 2).map((arg) => lower(context, arg)),
    where,
  );
};

export const SERIES_SPECIALS: Record<string, Special> = {
  GENERATE_DATE_ARRAY: dateArray,
  GENERATE_TIMESTAMP_ARRAY: timestampArray,
};
