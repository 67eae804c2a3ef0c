import type { MergeJob } from "../port.ts";

type Column = MergeJob["columns"][number];
type Value = MergeJob["rows"][number][string];

/** A query parameter in BigQuery's REST form. */
export interface RestParameter {
  name: string;
  parameterType: RestType;
  parameterValue: RestValue;
}
export interface RestType {
  type: string;
  arrayType?: RestType;
  structTypes?: { name: string; type: RestType }[];
}
export interface RestValue {
  value?: string | null;
  arrayValues?: RestValue[];
  structValues?: Record<string, RestValue>;
}

/** The parameters of merge/statement.ts for a job that merge/check.ts passed. */
export function mergeParameters(job: MergeJob): RestParameter[] {
  const rows: RestParameter = {
    name: "rows",
    parameterType: {
      type: "ARRAY",
      arrayType: {
        type: "STRUCT",
        structTypes: job.columns.map((c) => ({ name: c.name, type: { type: memberType(c) } })),
      },
    },
    parameterValue: {
      arrayValues: job.rows.map((row) => ({
        structValues: Object.fromEntries(
          job.columns.map((c) => [c.name, { value: memberText(c, row[c.name]) }]),
        ),
      })),
    },
  };
  return [rows, ...partitionBounds(job)];
}

function memberType({ type }: Column): string {
  return type === "JSON" || type === "BYTES" || type === "ARRAY<STRING>" ? "STRING" : type;
}

function memberText({ type }: Column, value: Value): string | null {
  if (value == null) return null;
  return type === "ARRAY<STRING>" ? JSON.stringify(value) : String(value);
}

function partitionBounds(job: MergeJob): RestParameter[] {
  const bounds = partitionRange(job);
  if (bounds === null) return [];
  const parameterType = { type: bounds.type };
  return [
    { name: "lo", parameterType, parameterValue: { value: bounds.lo } },
    { name: "hi", parameterType, parameterValue: { value: bounds.hi } },
  ];
}

/**
 * The least and the greatest partition value of the rows, both included; all there can be where a row names none;
 * null for a table without partitions.
 */
export function partitionRange(job: MergeJob): { type: string; lo: string; hi: string } | null {
  const { partition, rows } = job;
  if (partition === null) return null;
  const type = job.columns.find((c) => c.name === partition)?.type ?? "TIMESTAMP";
  const values = rows.map((row) => row[partition]).filter((value) => value != null);
  if (values.length < rows.length) {
    return type === "DATE"
      ? { type, lo: "0001-01-01", hi: "9999-12-31" }
      : { type, lo: "0001-01-01T00:00:00.000Z", hi: "9999-12-31T23:59:59.999Z" };
  }
  const times = values.map((value) => Date.parse(String(value)));
  const lo = new Date(times.reduce((a, b) => Math.min(a, b))).toISOString();
  // Date.parse cuts microseconds off: one millisecond more covers them.
  const hi = new Date(times.reduce((a, b) => Math.max(a, b)) + (type === "DATE" ? 0 : 1)).toISOString();
  return type === "DATE" ? { type, lo: lo.slice(0, 10), hi: hi.slice(0, 10) } : { type, lo, hi };
}
