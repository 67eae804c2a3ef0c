/** From a file's text to a template, or to all that is wrong with it. */
import { createHash } from "node:crypto";
import { buildTemplate } from "./build-template.ts";
import {
  checkOrder,
  checkParameters,
  checkSchedule,
  isMap,
  parameterType,
  type Raw,
  withoutLaterKeys,
} from "./check.ts";
import { checkStrings, HEAD_VARIABLES } from "./check-strings.ts";
import { IMPLICIT_DATE, RESERVED_VARIABLES } from "./parameters.ts";
import { fullForm, headOfStep, shortForm, stepSchema } from "./schema.ts";
import { shapeFaults } from "./shape-faults.ts";
import { type Path, readYaml, type Source } from "./source.ts";
import type { VariableTypes } from "./sql/compile.ts";
import { bigqueryQuery } from "./step-types/bigquery-query.ts";
import { findStepType, LATER_STEP_TYPES, STEP_TYPES } from "./step-types/index.ts";
import type { StepType } from "./step-types/step-type.ts";
import { didYouMean } from "./suggest.ts";
import type { Fault, ParameterType, Template, TemplateName } from "./types.ts";

/** Parses and checks one template. `file` is the path that faults name. All faults at once, in the file's order. */
export function parseTemplate(
  content: string | Uint8Array,
  file: string,
  name: TemplateName,
): { template: Template } | { faults: Fault[] } {
  const text = typeof content === "string" ? content : decode(content);
  if (text === null)
    return { faults: [{ file, line: 1, column: 1, path: "", message: "is not UTF-8: save it as UTF-8" }] };
  const source = readYaml(text, file);
  const faults = [...source.faults, ...checkFile(source)];
  if (faults.length > 0) return { faults: inOrder(faults) };
  const configVersion = createHash("sha256").update(content).digest("hex");
  return {
    template: buildTemplate(source.value, variableTypes(source.value), { ...name, file, configVersion }),
  };
}

function decode(content: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return null;
  }
}

function checkFile(source: Source): Fault[] {
  if (source.value === undefined) return [];
  if (!isMap(source.value)) {
    return [source.atValue([], "a template is a map of keys: it needs steps, or a source and a destination")];
  }
  const types = variableTypes(source.value);
  const { kept, faults } = withoutLaterKeys(source.value, "top", [], source);
  faults.push(...checkParameters(kept.parameters, source), ...checkSchedule(kept.schedule, source));
  const isShort = !Object.hasOwn(kept, "steps") && ("source" in kept || "destination" in kept);
  return [...faults, ...(isShort ? checkShortForm(kept, types, source) : checkFullForm(kept, types, source))];
}

function checkShortForm(raw: Raw, types: VariableTypes, source: Source): Fault[] {
  const shape = shapeFaults(shortForm, raw, [], source);
  const strings = checkStrings(raw, [], { ...HEAD_VARIABLES, ...bigqueryQuery.variables }, types, source);
  const faults = [...shape, ...elsewhere(strings, shape)];
  if (shape.length === 0)
    bigqueryQuery.check(raw, (path, message) => faults.push(source.atValue(path, message)));
  return faults;
}

function checkFullForm(raw: Raw, types: VariableTypes, source: Source): Fault[] {
  const both = ["source", "destination"].filter((key) => key in raw);
  const faults = both.map((key) =>
    source.atKey([key], `a template has steps or a ${key}, not both: move it into a step`),
  );
  const head: Raw = Object.fromEntries(Object.entries(raw).filter(([key]) => !both.includes(key)));
  const shape = shapeFaults(fullForm, head, [], source);
  const { steps, ...others } = head;
  faults.push(...shape, ...elsewhere(checkStrings(others, [], HEAD_VARIABLES, types, source), shape));
  if (!Array.isArray(steps)) return faults;
  for (const [i, step] of steps.entries()) faults.push(...checkStep(step, ["steps", i], types, source));
  return [...faults, ...checkOrder(steps, source)];
}

function checkStep(step: unknown, at: Path, types: VariableTypes, source: Source): Fault[] {
  if (!isMap(step)) return [source.atValue(at, "a step is a map of keys: it needs step_id and type")];
  const { kept, faults } = withoutLaterKeys(step, "step", at, source);
  const type = typeof kept.type === "string" ? findStepType(kept.type) : undefined;
  if (type === undefined) {
    return [...faults, typeFault(kept.type, at, source), ...shapeFaults(headOfStep, kept, at, source)];
  }
  return [...faults, ...checkTypedStep(kept, type, at, types, source)];
}

function checkTypedStep(raw: Raw, type: StepType, at: Path, types: VariableTypes, source: Source): Fault[] {
  const shape = shapeFaults(stepSchema(type), raw, at, source);
  const strings = checkStrings(raw, at, { description: "text", ...type.variables }, types, source);
  const faults = [...shape, ...elsewhere(strings, shape)];
  if (shape.length === 0)
    type.check(raw, (path, message) => faults.push(source.atValue([...at, ...path], message)));
  return faults;
}

/** Faults in strings that have the wrong shape anyway are told once. */
function elsewhere(faults: readonly Fault[], told: readonly Fault[]): Fault[] {
  return faults.filter(({ path }) => !told.some((one) => one.path === path));
}

function typeFault(type: unknown, at: Path, source: Source): Fault {
  const names = STEP_TYPES.map((known) => known.name);
  const path = [...at, "type"];
  if (type === undefined) return source.atValue(path, `type is missing: give one of ${names.join(", ")}`);
  const name = String(type);
  if (LATER_STEP_TYPES.includes(name)) {
    return source.atValue(
      path,
      `step type ${name} is not available in this release; there are ${names.join(", ")}`,
    );
  }
  const known = [...names, ...STEP_TYPES.flatMap((one) => one.earlierNames)];
  return source.atValue(
    path,
    `there is no step type ${name}${didYouMean(name, known)}; there are ${names.join(", ")}`,
  );
}

/** The variables that a template's strings may name, with their types. */
function variableTypes(raw: unknown): VariableTypes {
  const types = new Map<string, ParameterType>([[IMPLICIT_DATE, "date"]]);
  const declared = isMap(raw) && isMap(raw.parameters) ? raw.parameters : {};
  for (const [name, parameter] of Object.entries(declared)) {
    types.set(name, (isMap(parameter) ? parameterType(parameter.type) : undefined) ?? "string");
  }
  for (const name of RESERVED_VARIABLES) types.set(name, "string");
  return types;
}

function inOrder(faults: readonly Fault[]): Fault[] {
  const unique = new Map(faults.map((fault) => [`${fault.line}:${fault.column}:${fault.message}`, fault]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}
