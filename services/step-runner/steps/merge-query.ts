import type { ResolvedDestination } from "@convergence/pipeline";
import { asSubquery } from "@convergence/pipeline/sql/subquery.ts";
import {
  BOUNDS,
  keyFault,
  MERGE_REFUSALS,
  queryMergeStatement,
} from "@convergence/warehouse/merge/query-statement.ts";
import { column } from "@convergence/warehouse/names.ts";
import type { Field, ParamType, QueryJob, QueryParam, TableRef } from "@convergence/warehouse/port.ts";
import { rowsOf } from "./step-job.ts";
import { type StepContext, StepFailed } from "./step-type.ts";

type Source = Omit<QueryJob, "destination">;

/**
 * A job that merges a query's result into its destination, which is made where it is missing. Rows of the same keys
 * are replaced, others added, so that a repetition leaves the same rows.
 * @param fields the result's columns, by the query's dry run
 * @throws StepFailed where the keys, or the result's columns, do not fit
 */
export async function mergeJob(
  source: Source,
  destination: ResolvedDestination,
  fields: readonly Field[],
  context: StepContext,
): Promise<QueryJob> {
  const table = { dataset: source.defaultDataset, table: destination.table };
  const keys = (destination.keys ?? []).map((key) => keyField(key, fields));
  for (const { name } of fields) checkName(name);
  await prepareTable(table, destination, fields, context);
  const { partitionBy } = destination;
  const bounded = keys.find(({ name }) => sameName(name, partitionBy?.field ?? "")) ?? null;
  const bounds = bounded === null ? [] : await boundsOf(source, bounded, context);
  const sql = queryMergeStatement(context.warehouse.project, {
    table,
    sql: asSubquery(source.sql),
    columns: fields.map(({ name }) => name),
    keys: keys.map(({ name }) => name),
    bounded: bounds.length === 0 ? null : (bounded?.name ?? null),
  });
  return { ...source, sql, params: [...source.params, ...bounds], destination: null };
}

/** An error of a merge's job that says what to do about it; null for any other error. */
export function mergeFailure(message: string, keys: readonly string[]): StepFailed | null {
  const by = keys.join(", ");
  if (message.includes(MERGE_REFUSALS.nullKey)) {
    return new StepFailed(`A row of the result has NULL in a key of merge (${by}): leave such rows out.`);
  }
  if (message.includes(MERGE_REFUSALS.twice)) {
    return new StepFailed(
      `Two rows of the result have the same keys of merge (${by}): name more keys, or let one of them through.`,
    );
  }
  if (!message.includes(MERGE_REFUSALS.moved)) return null;
  return new StepFailed("What the query reads changed while it was merged; nothing was written.", true);
}

function keyField(key: string, fields: readonly Field[]): Field {
  const field = fields.find(({ name }) => sameName(name, key));
  if (field === undefined) {
    const known = fields.map(({ name }) => name).join(", ");
    throw new StepFailed(`The key ${key} of merge is no column of the result, which has ${known}.`);
  }
  const fault = keyFault(field);
  if (fault !== null) throw new StepFailed(`merge: ${fault}; choose another, or CAST it to a STRING.`);
  return field;
}

function checkName(name: string): void {
  try {
    column(name);
  } catch {
    throw new StepFailed(`The result's column ${JSON.stringify(name)} cannot be merged: name it with AS.`);
  }
}

/** Makes the table as the result is; of one that is there, sees that it has the result's columns. */
async function prepareTable(
  table: TableRef,
  { partitionBy, clusterBy }: ResolvedDestination,
  fields: readonly Field[],
  { warehouse }: StepContext,
): Promise<void> {
  const there = await warehouse.getTable(table);
  if (there === null) {
    await warehouse.createTable(table, {
      schema: { fields: [...fields] },
      ...(partitionBy === null ? {} : { timePartitioning: partitionBy }),
      ...(clusterBy === null ? {} : { clustering: { fields: clusterBy } }),
    });
    return;
  }
  const lacking = fields.filter(({ name }) => !there.schema.fields.some((one) => sameName(one.name, name)));
  if (lacking.length === 0) return;
  const names = lacking.map(({ name }) => name).join(", ");
  throw new StepFailed(`Table ${table.table} has no column ${names}: add it, or leave it out of the result.`);
}

/** Types of partitioning columns, by what a query parameter calls them. */
const PARTITION_TYPES: Partial<Record<Field["type"], ParamType>> = {
  DATE: "DATE",
  TIMESTAMP: "TIMESTAMP",
  DATETIME: "DATETIME",
};

/**
 * The least and greatest partition that the result has rows of: as constants they keep MERGE out of all others. None
 * for a column of another type. An empty result gets bounds between which nothing lies.
 */
async function boundsOf(source: Source, { name, type }: Field, context: StepContext): Promise<QueryParam[]> {
  const paramType = PARTITION_TYPES[type];
  if (paramType === undefined) return [];
  const jobId = `${source.jobId}_bounds_${context.task.attempt}`;
  const quoted = column(name);
  const sql = `SELECT MIN(${quoted}) AS lo, MAX(${quoted}) AS hi FROM (\n${asSubquery(source.sql)}\n)`;
  const [row] = (await rowsOf(context, { ...source, jobId, sql })).rows;
  const [lo, hi] = [row?.lo ?? "9999-12-31", row?.hi ?? "0001-01-01"].map(String);
  const time = (day: string): string => (paramType === "DATE" || day.length > 10 ? day : `${day}T00:00:00`);
  return [
    { name: BOUNDS.lo, type: paramType, value: time(lo ?? "") },
    { name: BOUNDS.hi, type: paramType, value: time(hi ?? "") },
  ];
}

/** BigQuery tells columns apart without regard to case. */
function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
