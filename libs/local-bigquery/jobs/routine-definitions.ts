import { resolvePath } from "../catalog/names.ts";
import { type RoutineName, readDefinition, routineText } from "../catalog/routines.ts";
import { duplicate, invalid, invalidQuery, notFound } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { CreateRoutine, RoutineKind } from "../sql/routines.ts";
import type { Defined, DefinitionScope } from "./definitions.ts";

function routineName({ project, defaultDataset }: DefinitionScope, path: string[]): RoutineName {
  const { table, ...place } = resolvePath(path, project, defaultDataset);
  if (!/^\w{1,256}$/.test(table))
    throw invalid(`Invalid routine ID "${table}": letters, digits and _, at most 256`);
  return { ...place, routine: table };
}

export function routineReference({ project, dataset, routine }: RoutineName): JsonObject {
  return { projectId: project, datasetId: dataset, routineId: routine };
}

const typeOf = (verb: string, kind: RoutineKind): string => `${verb}_${kind.replace(" ", "_")}`;

export async function runCreateRoutine(scope: DefinitionScope, ddl: CreateRoutine): Promise<Defined> {
  const { transaction, location } = scope;
  if (ddl.temporary) throw invalidQuery("A temporary function needs a statement after it that uses it");
  const name = routineName(scope, ddl.path);
  if (!transaction.catalog.findDataset(name.project, name.dataset))
    throw notFound(`Dataset ${name.project}:${name.dataset} was not found in location ${location}`);
  const found = transaction.catalog.findStoredRoutine(name);
  if (found && !ddl.orReplace && !ddl.ifNotExists) throw duplicate(`Routine ${routineText(name)}`);
  const statementType = typeOf("CREATE", ddl.made.kind);
  const made: Defined = { statementType, operation: "CREATE", target: undefined, routine: name, rows: 0 };
  if (found && ddl.ifNotExists) return { ...made, operation: "SKIP" };
  const modified = scope.creationTime();
  const definition = readDefinition(ddl.sql);
  const created = found?.created ?? modified;
  await transaction.putRoutine({ name, sql: ddl.sql, definition, created, modified });
  return found ? { ...made, operation: "REPLACE" } : made;
}

export async function runDropRoutine(
  scope: DefinitionScope,
  { path, ifExists, routine }: { path: string[]; ifExists: boolean; routine: RoutineKind },
): Promise<Defined> {
  const name = routineName(scope, path);
  const found = scope.transaction.catalog.findStoredRoutine(name);
  if (!found && !ifExists)
    throw notFound(`Routine ${routineText(name)} was not found in location ${scope.location}`);
  if (found && found.definition.kind !== routine)
    throw invalidQuery(`${routineText(name)} is a ${found.definition.kind}, not a ${routine}`);
  if (found) await scope.transaction.removeRoutine(found);
  const operation = found ? "DROP" : "SKIP";
  return { statementType: typeOf("DROP", routine), operation, target: undefined, routine: name, rows: 0 };
}
