import { lex } from "../sql/lex.ts";
import { type Routine, RoutineReader } from "../sql/routines.ts";

/** A routine's full address. */
export interface RoutineName {
  project: string;
  dataset: string;
  routine: string;
}

/** A function, table function or procedure as stored. Times are Unix milliseconds. */
export interface StoredRoutine {
  name: RoutineName;
  /** The CREATE statement that made it. */
  sql: string;
  definition: Routine;
  created: number;
  modified: number;
}

/** "project:dataset.routine", as messages name a routine. */
export function routineText({ project, dataset, routine }: RoutineName): string {
  return `${project}:${dataset}.${routine}`;
}

/** Reads a stored CREATE statement. */
export function readDefinition(sql: string): Routine {
  return new RoutineReader(sql, lex(sql)).read().made;
}
