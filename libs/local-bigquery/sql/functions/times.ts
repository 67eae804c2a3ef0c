import { notImplemented } from "../../errors.ts";
import type { Expr } from "../expr.ts";
import { lower } from "../lower-expr.ts";
import { call, sig } from "../signature.ts";
import { INT64 } from "../types.ts";
import type { FunctionCall, Special } from "./index.ts";
import { readInterval, readPart } from "./parts.ts";

const MICROS: Record<string, number> = {
  MICROSECOND: 1,
  MILLISECOND: 1_000,
  SECOND: 1_000_000,
  MINUTE: 60_000_000,
  HOUR: 3_600_000_000,
};
const DAY = 86_400_000_000;

function microsOf(found: FunctionCall, part: string): number {
  const micros = MICROS[part];
  if (micros === undefined) throw notImplemented(`date part ${part} in ${found.name}${found.where}`);
  return micros;
}

/** Calls with plain arguments of these types. */
function plain(
  found: FunctionCall,
  count: number,
  params: string,
  result: string,
  make: (...sql: string[]) => string,
): Expr {
  const args = found.args.slice(0, count).map((arg) => lower(found.context, arg));
  return call(found.name, [sig(params, result, make)], args, found.where);
}

const sinceMidnight = (time: string): string => `date_diff('microsecond', TIME '00:00:00', ${time})`;
const atMicros = (micros: string): string =>
  `CAST(make_timestamp(((${micros}) % ${DAY} + ${DAY}) % ${DAY}) AS TIME)`;

/** TIME_ADD and TIME_SUB go around at midnight. */
function shift(sign: "+" | "-"): Special {
  return (found) => {
    const { count, part } = readInterval(found.context, found.args[1]);
    const step = microsOf(found, part);
    return plain(found, 1, "TIME", "TIME", (t) =>
      atMicros(`${sinceMidnight(t)} ${sign} (${count} * ${step}) % ${DAY}`),
    );
  };
}

export const TIME_SPECIALS: Record<string, Special> = {
  TIME_ADD: shift("+"),
  TIME_SUB: shift("-"),
  TIME_DIFF: (found) => {
    const step = microsOf(found, readPart(found.args[2]));
    const units = (t: string): string => `${sinceMidnight(t)} // ${step}`;
    return {
      ...plain(found, 2, "TIME, TIME", "INT64", (a, b) => `(${units(a)} - ${units(b)})`),
      type: INT64,
    };
  },
  TIME_TRUNC: (found) => {
    const step = microsOf(found, readPart(found.args[1]));
    return plain(found, 1, "TIME", "TIME", (t) => atMicros(`${sinceMidnight(t)} // ${step} * ${step}`));
  },
};
