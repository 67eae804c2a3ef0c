import { normaliseTemporal } from "./temporal.ts";
import type { RangeElement } from "./types.ts";

/** A RANGE's ends as DuckDB reads them: an unbounded one is -infinity or infinity. */
export interface RangeEnds {
  start: string;
  end: string;
}

/** Reads '[start, end)'; undefined where it is none. UNBOUNDED and NULL leave an end open. */
export function readRange(element: RangeElement, text: string): RangeEnds | undefined {
  const [, start = "", end = ""] = /^\[(\S.*\S|\S), (\S.*\S|\S)\)$/.exec(text) ?? [];
  return rangeOfEnds(element, start, end);
}

/** The ends of a RANGE by their texts; undefined where one is bad or the start is not before the end. */
export function rangeOfEnds(element: RangeElement, start: string, end: string): RangeEnds | undefined {
  const [from, to] = [readEnd(element, start, "-infinity"), readEnd(element, end, "infinity")];
  if (from === undefined || to === undefined) return undefined;
  const open = from === "-infinity" || to === "infinity";
  return open || from < to ? { start: from, end: to } : undefined;
}

function readEnd(element: RangeElement, text: string, open: string): string | undefined {
  return /^(UNBOUNDED|NULL)$/i.test(text) ? open : normaliseTemporal(element, text);
}
