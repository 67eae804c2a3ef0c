/** When a schedule falls due: cron expressions of five fields in a time zone, as instants. Pure. */
import { Cron } from "croner";

/** An expression of five fields (minute, hour, day of month, month, day of week) and an IANA time zone. */
export interface CronSpec {
  cron: string;
  timezone: string;
}

/** What is wrong with a spec: the field at fault, and what to do about it. */
export interface CronProblem {
  field: "cron" | "timezone";
  message: string;
}

/** Some day in every leap year's cycle, so that 29 February is found. Unix milliseconds. */
const PROBE = Date.UTC(2024, 0, 1);

/** All that is wrong with a spec; empty where it has a next slot. */
export function cronProblems({ cron, timezone }: CronSpec): CronProblem[] {
  const problems: CronProblem[] = [];
  if (!isTimeZone(timezone)) {
    problems.push({ field: "timezone", message: "is no IANA time zone: give one as Europe/Berlin, or UTC" });
  }
  const message = faultOf(cron);
  if (message !== null) problems.push({ field: "cron", message });
  return problems;
}

/**
 * The first slot after an instant; null where there is none. A time of day that the clock skips falls due at the moment
 * of the jump; one that comes twice, the first time alone; what is due every so many minutes goes on as time does.
 * @throws Error for a spec with problems
 */
export function nextSlot(spec: CronSpec, after: number): number | null {
  // The library cuts to whole seconds: from the end of a second on, the next minute is the same.
  return compiled(spec).nextRun(new Date(after))?.getTime() ?? null;
}

/** The next slots after an instant, at most `count`, in order. */
export function nextSlots(spec: CronSpec, after: number, count: number): number[] {
  return compiled(spec)
    .nextRuns(count, new Date(after))
    .map((date) => date.getTime());
}

/** The last slots before an instant, at most `count`, the latest first. */
export function slotsBefore(spec: CronSpec, before: number, count: number): number[] {
  const whole = Math.ceil(before / 1000) * 1000;
  return compiled(spec)
    .previousRuns(count, new Date(whole))
    .map((date) => date.getTime());
}

function compiled({ cron, timezone }: CronSpec): Cron {
  return new Cron(cron, { timezone, paused: true, mode: "5-part" });
}

function faultOf(cron: string): string | null {
  if (cron.trim().split(/\s+/).length !== 5) {
    return 'must have five fields: minute, hour, day of month, month, day of week, as "0 6 * * *"';
  }
  try {
    const next = compiled({ cron, timezone: "UTC" }).nextRun(new Date(PROBE));
    return next === null ? "never falls due: there is no such day" : null;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);
    return `is no cron expression: ${reason}`;
  }
}

function isTimeZone(name: string): boolean {
  if (name.trim() !== name || name === "") return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
