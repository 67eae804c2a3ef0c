import { invalidQuery, notImplemented } from "../../errors.ts";
import { quote } from "../expr.ts";
import { type Context, constantText } from "../lower-expr.ts";
import { readZoneText, type Zone } from "../time-zones.ts";

export type { Zone } from "../time-zones.ts";

export const UTC: Zone = { minutes: 0 };

/** Reads a time zone argument, a string literal; UTC where there is none. Throws "Invalid time zone". */
export function readZone(context: Context, value: unknown, what: string): Zone {
  if (value === undefined) return UTC;
  const text = constantText(context, value);
  if (text === undefined) throw notImplemented(`${what} with a time zone that is no string literal`);
  const zone = readZoneText(text);
  if (zone === undefined) throw invalidQuery(`Invalid time zone: ${text}`);
  return zone;
}

const isUtc = (zone: Zone): boolean => "minutes" in zone && zone.minutes === 0;

/** A TIMESTAMP's date and clock in the zone. */
export function toLocal(timestamp: string, zone: Zone): string {
  if (isUtc(zone)) return timestamp;
  if ("minutes" in zone) return `(${timestamp} + to_minutes(${zone.minutes}))`;
  return `timezone(${quote(zone.name)}, timezone('UTC', ${timestamp}))`;
}

/** The TIMESTAMP at which the zone shows this date and clock. */
export function fromLocal(local: string, zone: Zone): string {
  if (isUtc(zone)) return local;
  if ("minutes" in zone) return `(${local} - to_minutes(${zone.minutes}))`;
  return `timezone('UTC', timezone(${quote(zone.name)}, ${local}))`;
}

/** The zone as %Z and %z show it; undefined where that depends on the value. */
export function zoneText(zone: Zone, element: "Z" | "z"): string | undefined {
  if (!("minutes" in zone)) return undefined;
  if (element === "Z" && zone.minutes === 0) return "UTC";
  if (element === "Z") return undefined;
  const minutes = Math.abs(zone.minutes);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${zone.minutes < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}
