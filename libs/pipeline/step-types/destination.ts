/** Where a query's result goes: a table of the tenant's dataset, never another. */

import { z } from "zod";
import { COLUMN_NAME } from "../columns.ts";
import type { Path } from "../source.ts";
import { compileText, render } from "../text.ts";
import type { ResolvedDestination, Scope, Text } from "../types.ts";
import type { Tell } from "./step-type.ts";

/** Table names, after variables are replaced. */
export const TABLE_NAME = /^[A-Za-z0-9_-]{1,1024}$/;

/** The platform's own tables in a tenant's dataset; no pipeline writes to them. */
const PLATFORM_TABLES = new Set([
  "api_keys",
  "cloud_credentials",
  "pipeline_runs",
  "step_logs",
  "dq_results",
]);
const PLATFORM_PREFIX = "_convergence";

/** The tenant's dataset, written as the document writes it. */
export const tenantDataset = z
  .literal("{tenant_id}", 'is always the tenant\'s own: write "{tenant_id}", or leave it out')
  .describe("The tenant's dataset: {tenant_id}");

const PARTITION_TYPES = ["DAY", "MONTH", "HOUR", "YEAR"] as const;

export const destinationSchema = z
  .strictObject({
    dataset: tenantDataset.optional(),
    table: z.string().min(1, "must not be empty").describe("Table name; variables allowed, [A-Za-z0-9_-]"),
    write_mode: z
      .enum(["overwrite", "append", "merge"])
      .default("overwrite")
      .describe(
        "overwrite replaces the table's rows; append adds to them, once per run and step; merge replaces rows of the same keys, and adds the others",
      ),
    keys: z
      .array(z.string())
      .min(1, "must name at least one column")
      .optional()
      .describe("The columns that tell rows apart, of merge"),
    partition_by: z
      .union([
        z.string(),
        z.strictObject({ field: z.string(), type: z.enum(PARTITION_TYPES).default("DAY") }),
      ])
      .optional()
      .describe("The DATE or TIMESTAMP column to partition a new table by, and how (DAY)"),
    cluster_by: z
      .array(z.string())
      .min(1, "must name at least one column")
      .max(4, "has more than four columns: BigQuery clusters by four at most")
      .optional()
      .describe("Columns to cluster a new table by, at most four"),
  })
  .describe("The table that the result is written to");

export type Destination = z.output<typeof destinationSchema>;

/** Faults of a destination that no single field shows. */
export function checkDestination(destination: Destination, tell: Tell): void {
  if (destination.write_mode === "merge") {
    if (destination.keys === undefined)
      tell(["write_mode"], "merge needs keys: name the columns that tell rows apart");
  } else if (destination.keys !== undefined) {
    tell(["keys"], "keys belong to write_mode: merge; leave them out");
  }
  for (const [path, name] of columnsOf(destination)) {
    if (!name.includes("{") && !COLUMN_NAME.test(name)) tell(path, `"${name}" is not a column's name`);
  }
  if (isPlatformTable(destination.table)) tell(["table"], platformTable(destination.table));
  else if (!destination.table.includes("{") && !TABLE_NAME.test(destination.table)) {
    tell(["table"], "a table's name holds only letters, digits, _ and -");
  }
}

function columnsOf({ partition_by, cluster_by, keys = [] }: Destination): [Path, string][] {
  const columns: [Path, string][] = (cluster_by ?? []).map((name, i) => [["cluster_by", i], name]);
  columns.push(...keys.map((name, i): [Path, string] => [["keys", i], name]));
  if (typeof partition_by === "string") columns.push([["partition_by"], partition_by]);
  else if (partition_by !== undefined) columns.push([["partition_by", "field"], partition_by.field]);
  return columns;
}

const WRITES = { overwrite: "WRITE_TRUNCATE", append: "WRITE_APPEND", merge: "MERGE" } as const;

/** Compiles a destination without faults. `place` names it in problems. */
export function compileDestination(
  destination: Destination,
  place: string,
): (scope: Scope) => ResolvedDestination {
  const table = compileText(destination.table);
  const partition = destination.partition_by;
  const field =
    partition === undefined ? null : compileText(typeof partition === "string" ? partition : partition.field);
  const type = typeof partition === "object" ? partition.type : "DAY";
  const clusterBy = destination.cluster_by?.map(compileText) ?? null;
  const keys = destination.keys?.map(compileText);
  return (scope) => ({
    table: checkedTable(table, `${place}.table`, scope),
    write: WRITES[destination.write_mode],
    ...(keys && { keys: keys.map((column) => checkedColumn(column, `${place}.keys`, scope)) }),
    partitionBy:
      field === null ? null : { field: checkedColumn(field, `${place}.partition_by`, scope), type },
    clusterBy: clusterBy?.map((column) => checkedColumn(column, `${place}.cluster_by`, scope)) ?? null,
  });
}

function checkedTable(text: Text, place: string, scope: Scope): string {
  const name = render(text, scope.values);
  if (!TABLE_NAME.test(name)) {
    scope.problem(
      fieldOf(text, place),
      `makes ${place} no table name: only letters, digits, _ and -, at most 1,024`,
    );
  } else if (isPlatformTable(name)) scope.problem(fieldOf(text, place), platformTable(name));
  return name;
}

function checkedColumn(text: Text, place: string, scope: Scope): string {
  const name = render(text, scope.values);
  if (!COLUMN_NAME.test(name)) scope.problem(fieldOf(text, place), `makes ${place} no column name`);
  return name;
}

/** The variable to blame for a text: the only one in it, else the place. */
function fieldOf(text: Text, place: string): string {
  const variables = new Set(text.flatMap((part) => (typeof part === "string" ? [] : [part.variable])));
  const [only] = variables;
  return variables.size === 1 && only !== undefined ? only : place;
}

function isPlatformTable(name: string): boolean {
  const lower = name.toLowerCase();
  return PLATFORM_TABLES.has(lower) || lower.startsWith(PLATFORM_PREFIX);
}

function platformTable(name: string): string {
  return `${name} is one of the platform's own tables: write to another`;
}
