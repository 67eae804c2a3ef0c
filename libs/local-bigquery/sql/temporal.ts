/** Reading GoogleSQL's date and time text, as literals and parameters carry it. All in UTC, microseconds kept. */

const DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
/** A date as it is spelled most of the time, of a day that every month has. */
const PLAIN_DATE = /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])$/;
const CLOCK = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?$/;
const OFFSET = /^(?:[zZ]| ?UTC|([+-])(\d{1,2})(?::?(\d{2}))?)$/;

const pad = (value: number, width: number): string => String(value).padStart(width, "0");

function readDate(text: string): string | undefined {
  if (PLAIN_DATE.test(text)) return text;
  const m = DATE.exec(text);
  if (!m) return undefined;
  const [year, month, day] = [Number(m[1]), Number(m[2]), Number(m[3])];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const holds = year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return holds ? `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}` : undefined;
}

function readClock(text: string): string | undefined {
  const m = CLOCK.exec(text);
  if (!m) return undefined;
  const [hour, minute, second] = [Number(m[1]), Number(m[2]), Number(m[3])];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const fraction = (m[4] ?? "").padEnd(6, "0");
  if (/[1-9]/.test(fraction.slice(6))) return undefined;
  return `${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}.${fraction.slice(0, 6)}`;
}

function splitDateTime(text: string): [string, string] | undefined {
  const m = /^(\d{4}-\d{1,2}-\d{1,2})(?:[ tT](.*))?$/.exec(text);
  return m ? [m[1] ?? "", m[2] ?? "00:00:00"] : undefined;
}

function readDateTime(text: string): string | undefined {
  const parts = splitDateTime(text);
  const date = parts && readDate(parts[0]);
  const clock = parts && readClock(parts[1]);
  return date && clock ? `${date} ${clock}` : undefined;
}

function readTimestamp(text: string): string | undefined {
  const m = /^(\d{4}-\d{1,2}-\d{1,2}(?:[ tT]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,9})?)?)(.*)$/.exec(text);
  const local = m ? readDateTime(m[1] ?? "") : undefined;
  if (!m || local === undefined) return undefined;
  const zone = m[2] ?? "";
  if (zone === "") return local;
  const offset = OFFSET.exec(zone);
  if (!offset) return undefined;
  const minutes = Number(offset[2] ?? 0) * 60 + Number(offset[3] ?? 0);
  if (minutes === 0) return local;
  if (minutes > 14 * 60) return undefined;
  const shift = offset[1] === "-" ? minutes : -minutes;
  const moved = new Date(`${local.slice(0, 19).replace(" ", "T")}Z`).getTime() + shift * 60_000;
  const iso = new Date(moved).toISOString();
  return iso.length === 24 ? `${iso.slice(0, 19).replace("T", " ")}${local.slice(19)}` : undefined;
}

/**
 * A date or time in the one spelling that DuckDB reads the same way; undefined where GoogleSQL would refuse it, or
 * where it names a time zone (only offsets are read).
 */
export function normaliseTemporal(
  kind: "DATE" | "DATETIME" | "TIME" | "TIMESTAMP",
  text: string,
): string | undefined {
  switch (kind) {
    case "DATE":
      return readDate(text);
    case "TIME":
      return readClock(text);
    case "DATETIME":
      return readDateTime(text);
    default:
      return readTimestamp(text);
  }
}
