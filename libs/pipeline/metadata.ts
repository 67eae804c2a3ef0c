/** The shapes of the platform's own tables, as configs/metadata/schemas/*.json declare them. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Field, TableShape } from "@convergence/warehouse/port.ts";
import { z } from "zod";
import { COLUMN_MODES, COLUMN_NAME, COLUMN_TYPES } from "./columns.ts";

/** The metadata tables of a tenant's dataset, in the order in which they are created and told of. */
export const TENANT_TABLES = [
  "api_keys",
  "cloud_credentials",
  "pipeline_runs",
  "step_logs",
  "dq_results",
] as const;
/** The tables of the platform's own dataset. */
export const PLATFORM_TABLES = ["tenants"] as const;

export type MetadataTable = (typeof TENANT_TABLES)[number] | (typeof PLATFORM_TABLES)[number];

const field: z.ZodType<Field> = z.strictObject({
  name: z.string().regex(COLUMN_NAME, "is not a column's name"),
  type: z.enum([...COLUMN_TYPES, "RECORD"]),
  mode: z.enum(COLUMN_MODES).optional(),
  description: z.string().optional(),
  fields: z.lazy(() => z.array(field)).optional(),
});

const tableShape: z.ZodType<TableShape> = z
  .strictObject({
    description: z.string().optional(),
    schema: z.strictObject({ fields: z.array(field).min(1) }),
    timePartitioning: z
      .strictObject({ type: z.enum(["DAY", "MONTH", "HOUR", "YEAR"]), field: z.string() })
      .optional(),
    clustering: z.strictObject({ fields: z.array(z.string()).min(1).max(4) }).optional(),
  })
  .superRefine((shape, context) => {
    const columns = shape.schema.fields.map(({ name }) => name);
    const used = [...(shape.clustering?.fields ?? [])];
    if (shape.timePartitioning !== undefined) used.push(shape.timePartitioning.field);
    for (const name of used) {
      if (!columns.includes(name)) context.addIssue(`partitions or clusters by ${name}, which is no column`);
    }
    if (new Set(columns).size < columns.length) context.addIssue("has a column twice");
  });

/**
 * Reads the shapes of all metadata tables from `dir` (configs/metadata/schemas).
 * @throws Error that names the file and what is wrong with it.
 */
export async function loadTableShapes(dir: string): Promise<Record<MetadataTable, TableShape>> {
  const load = (table: MetadataTable) => loadShape(join(dir, `${table}.json`));
  const [api_keys, cloud_credentials, pipeline_runs, step_logs, dq_results, tenants] = await Promise.all([
    load("api_keys"),
    load("cloud_credentials"),
    load("pipeline_runs"),
    load("step_logs"),
    load("dq_results"),
    load("tenants"),
  ]);
  return { api_keys, cloud_credentials, pipeline_runs, step_logs, dq_results, tenants };
}

async function loadShape(file: string): Promise<TableShape> {
  const text = await readFile(file, "utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = tableShape.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`${file} is not a table's shape: ${faults.join("; ")}`);
}
