import { notImplemented } from "../../errors.ts";
import { quote } from "../expr.ts";
import type { Type } from "../types.ts";
import { type Zone, zoneText } from "./zones.ts";

/** Elements that mean the same in DuckDB's strftime, of dates and of clocks. */
const DATE_SAME = new Set([..."mdyjBbAauwGVUW"]);
const CLOCK_SAME = new Set([..."HMSIp"]);

/** Elements made of others. */
const SPELLED: Record<string, string> = {
  F: "%Y-%m-%d",
  T: "%H:%M:%S",
  R: "%H:%M",
  D: "%m/%d/%y",
  h: "%b",
};

/** Elements that take an expression of their own. */
const MADE: Record<string, (x: string) => string> = {
  // strftime pads years to four digits.
  Y: (x) => `CAST(year(${x}) AS VARCHAR)`,
  e: (x) => `lpad(CAST(day(${x}) AS VARCHAR), 2, ' ')`,
  Q: (x) => `CAST(quarter(${x}) AS VARCHAR)`,
  s: (x) => `CAST(epoch_us(${x}) // 1000000 AS VARCHAR)`,
};

const LONG = /^(E4Y|E3S|E6S|E\*S|Ez|[a-zA-Z%])/;

/** FORMAT_DATE and its like: DuckDB SQL for a constant format. Elements that are not known here are refused. */
export function formatSpecifiers(
  format: string,
  value: string,
  type: Type,
  name: string,
  zone: Zone,
): string {
  const parts: string[] = [];
  let plain = "";
  const flush = (): void => {
    if (plain !== "") parts.push(`strftime(${value}, ${quote(plain)})`);
    plain = "";
  };
  const spelled = format.replace(/%([FTRDh%])/g, (all, letter: string) => SPELLED[letter] ?? all);
  for (let i = 0; i < spelled.length; ) {
    if (spelled[i] !== "%") {
      plain += spelled[i++];
      continue;
    }
    const element = LONG.exec(spelled.slice(i + 1))?.[1] ?? "";
    i += 1 + element.length;
    const made = MADE[element];
    if (made && !(element === "s" && type.kind !== "TIMESTAMP") && !(type.kind === "TIME")) {
      flush();
      parts.push(made(value));
    } else plain += plainElement(element, type, name, zone);
  }
  flush();
  if (parts.length === 0) return `CASE WHEN ${value} IS NOT NULL THEN '' END`;
  return parts.length === 1 ? (parts[0] ?? "''") : `(${parts.join(" || ")})`;
}

function plainElement(element: string, type: Type, name: string, zone: Zone): string {
  const hasDate = type.kind !== "TIME";
  const hasClock = type.kind !== "DATE";
  if (element === "%") return "%%";
  if (hasDate && DATE_SAME.has(element)) return `%${element}`;
  if (hasClock && CLOCK_SAME.has(element)) return `%${element}`;
  if (hasDate && element === "E4Y") return "%Y";
  if (hasClock && element === "E3S") return "%S.%g";
  if (hasClock && element === "E6S") return "%S.%f";
  if (type.kind === "TIMESTAMP" && (element === "Z" || element === "z")) {
    const text = zoneText(zone, element);
    if (text !== undefined) return text;
  }
  throw notImplemented(`format element %${element} in ${name}`);
}
