/** A time as ISO 8601 in UTC, with milliseconds; null stays null. `ms` is Unix time in milliseconds. */
export function iso(ms: number): string;
export function iso(ms: number | null): string | null;
export function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
