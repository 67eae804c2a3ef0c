/** An INTERVAL: three counts, each with a sign of its own. */
export interface IntervalValue {
  months: number;
  days: number;
  micros: bigint;
}

const PARTS = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"] as const;
type Part = (typeof PARTS)[number];

const SECOND = 1_000_000n;
const DAY = 86_400n * SECOND;
const MONTH_DAYS = 30n;
const MOST_DAYS = 3_660_000n;

function isPart(text: string): text is Part {
  return PARTS.some((part) => part === text);
}

/** What matches a span's text: years and months, days, a clock, each with its sign. */
function spanPattern(from: number, to: number): RegExp {
  const has = (part: Part): boolean => PARTS.indexOf(part) >= from && PARTS.indexOf(part) <= to;
  const groups: string[] = [];
  if (has("YEAR") || has("MONTH")) {
    const both = has("YEAR") && has("MONTH") ? "-" : "";
    const years = has("YEAR") ? "(?<YEAR>\\d+)" : "";
    groups.push(`(?<calendar>[+-])?${years}${both}${has("MONTH") ? "(?<MONTH>\\d+)" : ""}`);
  }
  if (has("DAY")) groups.push("(?<DAY>[+-]?\\d+)");
  const clock = (["HOUR", "MINUTE", "SECOND"] as const).filter(has);
  if (clock.length > 0) {
    const fields = clock.map((part) => `(?<${part}>\\d+)`).join(":");
    groups.push(`(?<clock>[+-])?${fields}${has("SECOND") ? "(?:\\.(?<fraction>\\d{1,6}))?" : ""}`);
  }
  return new RegExp(`^${groups.join(" ")}$`);
}

/** Reads '1-2 3 4:5:6.7' as INTERVAL '...' from TO to does; undefined where it is no such text, or needs nanoseconds. */
export function readSpan(text: string, from: string, to: string): IntervalValue | undefined {
  if (!isPart(from) || !isPart(to)) return undefined;
  const found = spanPattern(PARTS.indexOf(from), PARTS.indexOf(to)).exec(text)?.groups;
  if (!found) return undefined;
  const count = (name: string): bigint => BigInt(found[name] ?? "0");
  const clock = (count("HOUR") * 60n + count("MINUTE")) * 60n + count("SECOND");
  const micros = clock * SECOND + BigInt((found.fraction ?? "").padEnd(6, "0"));
  const months = Number(count("YEAR") * 12n + count("MONTH"));
  return {
    months: found.calendar === "-" ? -months : months,
    days: Number((found.DAY ?? "0").replace("+", "")),
    micros: found.clock === "-" ? -micros : micros,
  };
}

/** The spans that CAST('...' AS INTERVAL) reads. */
const CAST_SPANS: [from: Part, to: Part][] = [
  ["YEAR", "SECOND"],
  ["YEAR", "MINUTE"],
  ["YEAR", "HOUR"],
  ["YEAR", "DAY"],
  ["YEAR", "MONTH"],
  ["DAY", "SECOND"],
  ["DAY", "MINUTE"],
  ["HOUR", "SECOND"],
];

/** Reads what CAST reads: '1-2 3 4:5:6' or a part of it, or ISO 8601 ('P1Y2M3DT4H'). */
export function readInterval(text: string): IntervalValue | undefined {
  for (const [from, to] of CAST_SPANS) {
    const found = readSpan(text, from, to);
    if (found) return found;
  }
  return readIso(text);
}

const ISO_DATE: Record<string, { months: number; days: number }> = {
  Y: { months: 12, days: 0 },
  M: { months: 1, days: 0 },
  W: { months: 0, days: 7 },
  D: { months: 0, days: 1 },
};
const ISO_CLOCK: Record<string, bigint> = { H: 3600n * SECOND, M: 60n * SECOND, S: SECOND };

function readIso(text: string): IntervalValue | undefined {
  const [, date = "", clock = ""] =
    /^P((?:[+-]?\d+[YMWD])*)(?:T((?:[+-]?\d+[HM]|[+-]?\d+(?:\.\d{1,6})?S)*))?$/.exec(text) ?? [];
  if (date === "" && clock === "") return undefined;
  const made: IntervalValue = { months: 0, days: 0, micros: 0n };
  for (const [, count, unit = ""] of date.matchAll(/([+-]?\d+)([YMWD])/g)) {
    made.months += Number(count) * (ISO_DATE[unit]?.months ?? 0);
    made.days += Number(count) * (ISO_DATE[unit]?.days ?? 0);
  }
  for (const [, sign, count = "0", fraction = "", unit = ""] of clock.matchAll(
    /([+-]?)(\d+)(?:\.(\d+))?([HMS])/g,
  )) {
    const micros = BigInt(count) * (ISO_CLOCK[unit] ?? 0n) + BigInt(fraction.padEnd(6, "0"));
    made.micros += sign === "-" ? -micros : micros;
  }
  return made;
}

/** What GoogleSQL says of an interval with a count beyond 10,000 years, or undefined. */
export function outOfRange({ months, days, micros }: IntervalValue): string | undefined {
  const limits: [name: string, count: bigint, most: bigint][] = [
    ["months", BigInt(months), 120_000n],
    ["days", BigInt(days), MOST_DAYS],
    ["microseconds", micros, MOST_DAYS * DAY],
  ];
  const [found] = limits.filter(([, count, most]) => magnitude(count) > most);
  return found && `Interval field ${found[0]} '${found[1]}' is out of range -${found[2]} to ${found[2]}`;
}

/** A quotient: what is left of the months goes into the days, what is left of these into the clock. Undefined where it needs parts of a microsecond. */
export function dividedBy({ months, days, micros }: IntervalValue, by: bigint): IntervalValue | undefined {
  const allDays = BigInt(days) + (BigInt(months) % by) * MONTH_DAYS;
  const allMicros = micros + (allDays % by) * DAY;
  if (allMicros % by !== 0n) return undefined;
  return { months: Number(BigInt(months) / by), days: Number(allDays / by), micros: allMicros / by };
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** "1-2 3 4:5:6.700", as CAST to STRING and REST spell it. */
export function intervalText({ months, days, micros }: IntervalValue): string {
  const all = Math.abs(months);
  const calendar = `${months < 0 ? "-" : ""}${Math.floor(all / 12)}-${all % 12}`;
  const seconds = magnitude(micros) / SECOND;
  const clock = `${micros < 0n ? "-" : ""}${seconds / 3600n}:${(seconds / 60n) % 60n}:${seconds % 60n}`;
  return `${calendar} ${days} ${clock}${fractionText(magnitude(micros) % SECOND)}`;
}

/** Three digits where they suffice, else six. */
function fractionText(micros: bigint): string {
  if (micros === 0n) return "";
  const digits = micros.toString().padStart(6, "0");
  return `.${digits.endsWith("000") ? digits.slice(0, 3) : digits}`;
}

/** The same as DuckDB's CAST reads it. */
export function duckIntervalText({ months, days, micros }: IntervalValue): string {
  return `${months} months ${days} days ${micros} microseconds`;
}

/** JUSTIFY_HOURS: whole days out of the clock, both of one sign. */
export function justifyHours({ months, days, micros }: IntervalValue): IntervalValue {
  const total = BigInt(days) * DAY + micros;
  return { months, days: Number(total / DAY), micros: total % DAY };
}

/** JUSTIFY_DAYS: whole months of 30 days out of the days, both of one sign. */
export function justifyDays({ months, days, micros }: IntervalValue): IntervalValue {
  const total = months * 30 + days;
  return { months: Math.trunc(total / 30), days: total % 30, micros };
}

/** JUSTIFY_INTERVAL: both, all of one sign. */
export function justifyInterval({ months, days, micros }: IntervalValue): IntervalValue {
  const total = (BigInt(months) * MONTH_DAYS + BigInt(days)) * DAY + micros;
  const wholeDays = total / DAY;
  return {
    months: Number(wholeDays / MONTH_DAYS),
    days: Number(wholeDays % MONTH_DAYS),
    micros: total % DAY,
  };
}
