/** Faults of a template that the shape of its file does not show. Each check reads the raw values, so that all run. */
import { cronProblems } from "@convergence/cron";
import { RESERVED_VARIABLES, readDefault, TRIGGER_BY } from "./parameters.ts";
import { valueAt } from "./shape-faults.ts";
import type { Path, Source } from "./source.ts";
import { didYouMean } from "./suggest.ts";
import { type Fault, PARAMETER_TYPES, type ParameterType } from "./types.ts";

/** Parts of the contract that this release does not run: better refused than ignored. */
const LATER_KEYS: Record<"top" | "step", readonly string[]> = {
  top: [],
  step: [],
};

/** Where neither a template nor a schedule says any. */
export const DEFAULT_TIMEZONE = "UTC";

export type Raw = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Takes out the keys of later releases, with a fault for each. */
export function withoutLaterKeys(raw: Raw, level: "top" | "step", at: Path, source: Source) {
  const later = LATER_KEYS[level].filter((key) => Object.hasOwn(raw, key));
  const faults = later.map((key) =>
    source.atKey([...at, key], `${key} is not available in this release: take it out`),
  );
  const kept: Raw = Object.fromEntries(Object.entries(raw).filter(([key]) => !later.includes(key)));
  return { kept, faults };
}

/** The times that a template offers. */
export function checkSchedule(schedule: unknown, source: Source): Fault[] {
  if (!isMap(schedule)) return [];
  const { cron, timezone = DEFAULT_TIMEZONE } = schedule;
  if (typeof cron !== "string" || typeof timezone !== "string") return [];
  return cronProblems({ cron, timezone }).map(({ field, message }) =>
    source.atValue(["schedule", field], `${field} ${message}`),
  );
}

/** Names, and defaults against types. */
export function checkParameters(parameters: unknown, source: Source): Fault[] {
  if (!isMap(parameters)) return [];
  return Object.entries(parameters).flatMap(([name, parameter]) => {
    const path = ["parameters", name];
    const faults: Fault[] = [];
    if (RESERVED_VARIABLES.includes(name) || name === TRIGGER_BY || name.startsWith("__")) {
      faults.push(source.atKey(path, `${name} is a name of the platform's own: choose another`));
    }
    if (isMap(parameter)) faults.push(...checkDefault(parameter, path, source));
    return faults;
  });
}

function checkDefault(parameter: Raw, path: Path, source: Source): Fault[] {
  const type = parameterType(parameter.type);
  const given = parameter.default;
  if (given === undefined || given === null) {
    return parameter.required === false
      ? [source.atValue([...path, "required"], "a parameter that is not required needs a default: add one")]
      : [];
  }
  if (parameter.required === true) {
    return [
      source.atValue(
        [...path, "required"],
        "a parameter with a default is never required: take one of them out",
      ),
    ];
  }
  if (type === undefined || typeof given === "object") return [];
  const read = readDefault(type, given);
  return "value" in read ? [] : [source.atValue([...path, "default"], `default ${read.message}`)];
}

/** The type that a raw parameter declares, if it is one. */
export function parameterType(value: unknown): ParameterType | undefined {
  return PARAMETER_TYPES.find((type) => type === value);
}

/** Step names and what depends on what. */
export function checkOrder(steps: readonly unknown[], source: Source): Fault[] {
  const order = new Map<string, number>();
  const faults: Fault[] = [];
  for (const [i, step] of steps.entries()) {
    const id = valueAt(step, ["step_id"]);
    if (typeof id !== "string") continue;
    const first = order.get(id);
    if (first === undefined) order.set(id, i);
    else
      faults.push(
        source.atValue(["steps", i, "step_id"], `step ${id} is there already (steps[${first}]): rename one`),
      );
  }
  const edges = steps.map((step) => dependencies(step).map((id) => order.get(id)));
  for (const [i, step] of steps.entries()) {
    for (const [j, id] of dependencies(step).entries()) {
      const message = dependencyFault(i, id, order, edges);
      if (message !== null) faults.push(source.atValue(["steps", i, "depends_on", j], message));
    }
  }
  return faults;
}

type Edges = readonly (readonly (number | undefined)[])[];

function dependencyFault(
  step: number,
  id: string,
  order: ReadonlyMap<string, number>,
  edges: Edges,
): string | null {
  const on = order.get(id);
  if (on === undefined) return `there is no step ${id}${didYouMean(id, order.keys())}`;
  if (on === step) return `step ${id} depends on itself: take that out`;
  if (reaches(on, step, edges))
    return `step ${id} depends on this step in turn, a cycle: take one of them out`;
  return null;
}

function reaches(from: number, to: number, edges: Edges, seen = new Set<number>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return (edges[from] ?? []).some((next) => next !== undefined && reaches(next, to, edges, seen));
}

function dependencies(step: unknown): string[] {
  const ids = valueAt(step, ["depends_on"]);
  return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
}
