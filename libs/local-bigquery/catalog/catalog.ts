import { invalid, notFound, notImplemented } from "../errors.ts";
import { isObject, type JsonObject, objectOr, stringOr } from "../json.ts";
import type { TableLookup, TableView } from "../sql/analysis.ts";
import type { Routine, RoutineLookup } from "../sql/routines.ts";
import { informationSchema } from "./information-schema.ts";
import { checkDatasetId, duckTable, legacyName, resolvePath, type TableName } from "./names.ts";
import { type RoutineName, routineText, type StoredRoutine } from "./routines.ts";
import { type Field, typeOfField } from "./schema.ts";
import { wildcardTable } from "./wildcard.ts";

/** A dataset as stored. Times are Unix milliseconds. */
export interface Dataset {
  project: string;
  dataset: string;
  /** Settable metadata as REST has it: location, labels, description, friendlyName, access, ... */
  metadata: JsonObject;
  created: number;
  modified: number;
}

/** A table as stored. Times are Unix milliseconds. */
export interface Table {
  name: TableName;
  fields: Field[];
  /** Settable metadata as REST has it: labels, description, timePartitioning, clustering, expirationTime, ... */
  metadata: JsonObject;
  created: number;
  modified: number;
}

/** How a statement finds what it names. */
export interface Names {
  findTable: TableLookup;
  findRoutine: RoutineLookup;
}

const datasetKey = (project: string, dataset: string): string => JSON.stringify([project, dataset]);
const tableKey = (name: TableName): string => JSON.stringify([name.project, name.dataset, name.table]);

/**
 * What datasets and tables there are, in memory. The store keeps it the same as the database: a change is applied here
 * only when it was committed there.
 */
export class Catalog {
  readonly datasets = new Map<string, Dataset>();
  readonly tables = new Map<string, Table>();
  readonly routines = new Map<string, StoredRoutine>();
  /** Changes with every change of the catalog: a plan made under another number may be stale. */
  version = 0;

  getDataset(project: string, dataset: string): Dataset {
    const found = this.findDataset(project, dataset);
    if (!found) throw notFound(`Dataset ${project}:${dataset}`);
    return found;
  }

  findDataset(project: string, dataset: string): Dataset | undefined {
    return this.datasets.get(datasetKey(project, dataset));
  }

  getTable(name: TableName): Table {
    const found = this.findTable(name);
    if (found) return found;
    this.getDataset(name.project, name.dataset);
    throw notFound(`Table ${legacyName(name)}`);
  }

  findTable(name: TableName): Table | undefined {
    return this.tables.get(tableKey(name));
  }

  tablesOf(project: string, dataset: string): Table[] {
    return [...this.tables.values()].filter((t) => t.name.project === project && t.name.dataset === dataset);
  }

  putDataset(dataset: Dataset): void {
    this.version++;
    this.datasets.set(datasetKey(dataset.project, dataset.dataset), dataset);
  }

  removeDataset(project: string, dataset: string): void {
    this.version++;
    this.datasets.delete(datasetKey(project, dataset));
  }

  putTable(table: Table): void {
    this.version++;
    this.tables.set(tableKey(table.name), table);
  }

  removeTable(name: TableName): void {
    this.version++;
    this.tables.delete(tableKey(name));
  }

  findStoredRoutine(name: RoutineName): StoredRoutine | undefined {
    return this.routines.get(routineText(name));
  }

  routinesOf(project: string, dataset: string): StoredRoutine[] {
    return [...this.routines.values()].filter(
      ({ name }) => name.project === project && name.dataset === dataset,
    );
  }

  putRoutine(routine: StoredRoutine): void {
    this.version++;
    this.routines.set(routineText(routine.name), routine);
  }

  removeRoutine(name: RoutineName): void {
    this.version++;
    this.routines.delete(routineText(name));
  }

  /** How statements of a project find what they name. */
  names(project: string, defaultDataset: string | undefined): Names {
    return {
      findTable: (parts) => this.lookup(parts, project, defaultDataset),
      findRoutine: (parts) => this.#routine(parts, project, defaultDataset),
    };
  }

  /** The routine of a path in a query, or undefined. Its own names are its project's. */
  #routine(parts: string[], project: string, defaultDataset: string | undefined): Routine | undefined {
    const { table, ...place } = resolvePath(parts, project, defaultDataset);
    const found = this.findStoredRoutine({ ...place, routine: table });
    return found && { ...found.definition, names: this.names(place.project, undefined) };
  }

  /** Finds the table of a path in a query; messages as a query's errors have them. */
  lookup(parts: string[], project: string, defaultDataset: string | undefined): TableView {
    const pieces = parts.flatMap((part) => part.split("."));
    const at = pieces.findIndex((piece) => piece.toUpperCase() === "INFORMATION_SCHEMA");
    if (at >= 0) return this.#information(pieces.slice(0, at), pieces.slice(at + 1), project);
    const name = resolvePath(parts, project, defaultDataset);
    if (name.table.endsWith("*")) return wildcardTable(this, name);
    const table = this.findTable(name);
    if (table) return this.#seen(table);
    checkDatasetId(name.dataset);
    const dataset = this.findDataset(name.project, name.dataset);
    const place = `was not found in location ${dataset?.metadata.location ?? "US"}`;
    if (!dataset) throw notFound(`Dataset ${name.project}:${name.dataset} ${place}`);
    throw notFound(`Table ${legacyName(name)} ${place}`);
  }

  /** A table or view as a query sees it. A view's own names are its project's. */
  #seen(table: Table): TableView {
    const sql = viewQuery(table);
    if (sql === undefined) return viewOf(table);
    return { ...viewOf(table), view: { sql, ...this.names(table.name.project, undefined) } };
  }

  /** [project.]dataset.INFORMATION_SCHEMA.X, or [project.][region-x.]INFORMATION_SCHEMA.SCHEMATA. */
  #information(before: string[], after: string[], project: string): TableView {
    const [view = "", ...rest] = after;
    if (rest.length > 0) throw notImplemented(`INFORMATION_SCHEMA.${after.join(".")}`);
    const last = before.at(-1);
    const isRegion =
      last === undefined ||
      /^region-/i.test(last) ||
      (before.length === 1 && view.toUpperCase() === "SCHEMATA");
    const named = before.slice(0, -1).join(".") || project;
    if (isRegion) return informationSchema(this, view, named, undefined);
    if (!this.findDataset(named, last))
      throw notFound(`Dataset ${named}:${last} was not found in location US`);
    return informationSchema(this, view, named, last);
  }
}

export type TableKind = "TABLE" | "VIEW" | "MATERIALIZED_VIEW" | "SNAPSHOT";

/** What REST calls the table's `type`. */
export function kindOf({ metadata }: Table): TableKind {
  if (isObject(metadata.view)) return "VIEW";
  if (isObject(metadata.materializedView)) return "MATERIALIZED_VIEW";
  return isObject(metadata.snapshotDefinition) ? "SNAPSHOT" : "TABLE";
}

/** The query of a view, or undefined where the table has rows of its own. */
export function viewQuery({ metadata }: Table): string | undefined {
  const view = objectOr(metadata.view ?? metadata.materializedView);
  return typeof view.query === "string" ? view.query : undefined;
}

/** Throws unless rows can be written to the table. */
export function checkWritable(table: Table): void {
  const kind = kindOf(table);
  if (kind !== "TABLE")
    throw invalid(`${legacyName(table.name)} is not allowed for this operation because it is a ${kind}`);
}

/** The column that a table is partitioned by, where its queries must filter on it. */
function requiredFilter({ metadata }: Table): string | undefined {
  const [time, range] = [objectOr(metadata.timePartitioning), objectOr(metadata.rangePartitioning)];
  if (metadata.requirePartitionFilter !== true && time.requirePartitionFilter !== true) return undefined;
  return stringOr(time.field ?? range.field, undefined);
}

export function viewOf(table: Table): TableView {
  const filterOn = requiredFilter(table);
  return {
    ...(kindOf(table) === "SNAPSHOT" ? { readOnly: true } : {}),
    ...(filterOn === undefined ? {} : { filterOn }),
    name: table.name,
    duck: duckTable(table.name),
    columns: table.fields.map((f) => ({
      name: f.name,
      type: typeOfField(f),
      required: f.mode === "REQUIRED",
    })),
  };
}
