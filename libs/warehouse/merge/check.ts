import type { MergeJob } from "../port.ts";

type Row = MergeJob["rows"][number];

/**
 * What the port demands of a merge, for every adapter.
 * @throws TypeError that names the fault, the row and the column.
 */
export function checkMerge(job: MergeJob): void {
  const types = new Map(job.columns.map((column) => [column.name, column.type]));
  const fail = (why: string) => {
    throw new TypeError(`merge ${job.jobId} into ${job.table.dataset}.${job.table.table}: ${why}`);
  };
  if (job.rows.length === 0) fail("no rows");
  if (job.keys.length === 0) fail("no keys");
  if (types.size !== job.columns.length) fail("a column is named twice");
  const named = [
    ...job.keys,
    ...job.required,
    ...(job.emptied ?? []),
    job.version,
    ...(job.partition === null ? [] : [job.partition]),
  ];
  for (const name of named) if (!types.has(name)) fail(`${name} is not among its columns`);
  if (job.partition !== null) {
    const type = types.get(job.partition);
    if (type !== "TIMESTAMP" && type !== "DATE") fail(`the partition column ${job.partition} is a ${type}`);
    if (!job.required.includes(job.partition)) fail(`the partition column ${job.partition} is not required`);
  }
  const seen = new Map<string, number>();
  for (const [i, row] of job.rows.entries()) {
    const wrong = rowFault(job, types, row);
    if (wrong !== null) fail(`row ${i} ${wrong}`);
    const key = rowKey(job, row);
    const twin = seen.get(key);
    if (twin !== undefined) fail(`rows ${twin} and ${i} have one key; give the latest alone`);
    seen.set(key, i);
  }
}

/** A row's key as one string. */
export function rowKey(job: Pick<MergeJob, "keys">, row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(job.keys.map((key) => row[key]));
}

function rowFault(job: MergeJob, types: ReadonlyMap<string, string>, row: Row): string | null {
  for (const name of [...job.keys, job.version]) if (row[name] == null) return `lacks ${name}`;
  for (const [name, value] of Object.entries(row)) {
    const type = types.get(name);
    if (type === undefined) return `names ${name}, which is not among the columns`;
    if (value != null && !fits(type, value)) return `has a ${typeof value} in ${name}, a ${type}`;
  }
  return null;
}

function fits(type: string, value: NonNullable<Row[string]>): boolean {
  switch (type) {
    case "INT64":
      return typeof value === "number" ? Number.isSafeInteger(value) : isText(value, /^-?\d{1,19}$/);
    case "FLOAT64":
      return typeof value === "number";
    case "BOOL":
      return typeof value === "boolean";
    case "ARRAY<STRING>":
      return Array.isArray(value);
    case "NUMERIC":
      return typeof value === "number" || isText(value, /^-?\d+(\.\d+)?$/);
    case "TIMESTAMP":
      return isText(value, /^\d{4}-\d{2}-\d{2}T.+$/) && !Number.isNaN(Date.parse(String(value)));
    case "DATE":
      return isText(value, /^\d{4}-\d{2}-\d{2}$/) && !Number.isNaN(Date.parse(String(value)));
    case "BYTES":
      return isText(value, /^[A-Za-z0-9+/]*={0,2}$/);
    case "JSON":
      return isJson(value);
    default:
      return typeof value === "string";
  }
}

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}

function isJson(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}
