/**
 * What a step type is. A new one is a file in this folder, a member of `StepWork` in ../types.ts and a line in
 * index.ts; the step-runner gets a folder of the same name.
 */
import { z } from "zod";
import type { Path } from "../source.ts";
import type { VariableTypes } from "../sql/compile.ts";
import type { Scope, StepWork } from "../types.ts";

/** The name of a step, of a column: what BigQuery and a log line take without quotes. */
export const STEP_ID = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Which of a step's fields may hold variables: in a query (sql), in an expression of SQL, or in plain text; text within
 * lists and maps too. Fields below others are named with dots, places in lists are not named.
 */
export type VariableFields = Readonly<Record<string, VariableUse>>;
export type VariableUse = "sql" | "expression" | "text";

/** Tells a fault at a path below the step. */
export type Tell = (path: Path, message: string) => void;

export interface StepType {
  name: StepWork["type"];
  /** Names that earlier releases used. */
  earlierNames: readonly string[];
  /** The fields of this type's own. */
  fields: z.ZodRawShape;
  variables: VariableFields;
  /** Faults that no single field shows. `step` has the shape of `fields`. */
  check(step: unknown, tell: Tell): void;
  /** Compiles a step without faults. */
  compile(step: unknown, place: string, types: VariableTypes): (scope: Scope) => StepWork;
}

type Fields<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;

/** Declares a step type; `check` and `compile` get its fields with their types. */
export function stepType<Shape extends z.ZodRawShape>(type: {
  name: StepWork["type"];
  earlierNames?: readonly string[];
  fields: Shape;
  variables?: VariableFields;
  check?(step: Fields<Shape>, tell: Tell): void;
  compile(step: Fields<Shape>, place: string, types: VariableTypes): (scope: Scope) => StepWork;
}): StepType {
  const own = z.object(type.fields);
  return {
    name: type.name,
    earlierNames: type.earlierNames ?? [],
    fields: type.fields,
    variables: type.variables ?? {},
    check: (step, tell) => type.check?.(own.parse(step), tell),
    compile: (step, place, types) => type.compile(own.parse(step), place, types),
  };
}
