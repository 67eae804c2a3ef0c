/**
 * The warehouse port: BigQuery as the services use it. Names are BigQuery's.
 * Every effect bears a name of its own (a job id, a table id), so that asking twice does it once.
 */

import type { Readable } from "node:stream";

/** A table's address. Project and location are the adapter's. */
export interface TableRef {
  dataset: string;
  table: string;
}

export type FieldType =
  | "STRING"
  | "BYTES"
  | "INTEGER"
  | "FLOAT"
  | "NUMERIC"
  | "BIGNUMERIC"
  | "BOOLEAN"
  | "TIMESTAMP"
  | "DATE"
  | "DATETIME"
  | "TIME"
  | "JSON"
  | "GEOGRAPHY"
  | "INTERVAL"
  | "RANGE"
  | "RECORD";

/** One column, in BigQuery's REST form. */
export interface Field {
  name: string;
  type: FieldType;
  mode?: "NULLABLE" | "REQUIRED" | "REPEATED";
  description?: string;
  fields?: Field[];
}

/** A table's shape as configs/metadata/schemas/*.json declare it. */
export interface TableShape {
  description?: string;
  schema: { fields: Field[] };
  timePartitioning?: { type: "DAY" | "MONTH" | "HOUR" | "YEAR"; field: string };
  clustering?: { fields: string[] };
}

export interface DatasetInfo {
  location: string;
  labels: Record<string, string>;
}

export interface TableInfo {
  /** Creation time, Unix milliseconds: tells a table from one of the same name made later. */
  createdAt: number;
  schema: { fields: Field[] };
}

/** A query parameter's type: a scalar's name, or BigQuery's nested form. */
export type ParamType =
  | Exclude<FieldType, "RECORD" | "INTEGER" | "FLOAT" | "BOOLEAN" | "GEOGRAPHY" | "INTERVAL" | "RANGE">
  | "INT64"
  | "FLOAT64"
  | "BOOL";

/** A named scalar query parameter. Values are JSON: dates and timestamps as strings, INT64 as number or string. */
export interface QueryParam {
  name: string;
  type: ParamType;
  value: string | number | boolean | null;
}

export interface QueryJob {
  /** Deterministic: the same id asks for the same effect. [A-Za-z0-9_-], at most 1,024 characters. */
  jobId: string;
  sql: string;
  params: QueryParam[];
  /** Unqualified table names are looked up here. */
  defaultDataset: string;
  destination:
    | (TableRef & {
        write: "WRITE_TRUNCATE" | "WRITE_APPEND" | "WRITE_EMPTY";
        partitionBy?: { field: string; type: "DAY" | "MONTH" | "HOUR" | "YEAR" };
        clusterBy?: string[];
      })
    | null;
  labels: Record<string, string>;
  /** After so many milliseconds BigQuery ends the job. */
  timeoutMs?: number;
}

/** What a load job reads. */
export type LoadSource =
  /** gs:// URIs, with one * each at most: read by BigQuery itself, not by a local one. */
  | { uris: readonly string[] }
  | { bytes: Uint8Array }
  /** Read once, for one submit; `size` in bytes. */
  | { stream: Readable; size: number };

export type LoadFormat =
  | { type: "NEWLINE_DELIMITED_JSON" }
  | {
      type: "CSV";
      /** One character; a comma unless given. */
      delimiter?: string;
      /** Rows at the beginning that hold no data. */
      headerRows?: number;
      /** The unquoted text that stands for NULL; the empty one unless given. */
      nullMarker?: string;
    }
  | { type: "PARQUET" };

/** Data to be loaded into a table: all of its rows, or none. */
export interface LoadJob {
  /** Deterministic: the same id asks for the same effect. [A-Za-z0-9_-], at most 1,024 characters. */
  jobId: string;
  source: LoadSource;
  format: LoadFormat;
  /** The data's columns; "detect": found in the data; null: those of the table, or of the Parquet file. */
  schema: readonly Field[] | "detect" | null;
  destination: NonNullable<QueryJob["destination"]>;
  labels: Record<string, string>;
  /** After so many milliseconds BigQuery ends the job. */
  timeoutMs?: number;
}

/** Rows to be merged into a table by key, guarded by a version column: a row of a lower version changes nothing. */
export interface MergeJob {
  jobId: string;
  table: TableRef;
  /** The table's columns that `rows` may name, with their types; a row may lack any but the keys. */
  columns: { name: string; type: ParamType | "ARRAY<STRING>" }[];
  keys: string[];
  /** An existing row is updated only where its version is null or lower than the new row's. */
  version: string;
  /**
   * Bounds the scan to the partitions that the rows name: a TIMESTAMP or DATE column that is the same in a row's every
   * version, and is among `required`. Null for a table without partitions. Rows that lack it make the scan unbounded.
   */
  partition: string | null;
  /** Columns that a row must give to be inserted; a row that lacks one only updates what is there. */
  required: string[];
  /**
   * At least one; each key at most once. Every row gives its keys and its version. BYTES as base64, TIMESTAMP as
   * RFC 3339, JSON as its text, INT64 as number. Absent, undefined or null: an existing row keeps what it has (a
   * merge sets only the columns of `emptied` to null), a new one gets null.
   */
  rows: Record<string, string | number | boolean | null | string[] | undefined>[];
  /** Columns that become null in an existing row where the new one lacks them; none unless given. */
  emptied?: readonly string[];
  labels: Record<string, string>;
}

/**
 * What is to be dropped by a job: a dataset with all it holds, or one table. Unlike deleteTable, a drop that is asked
 * for again, or late, cannot hit what was made anew under the name.
 */
export interface DropJob {
  jobId: string;
  what: { dataset: string; table?: string };
  labels: Record<string, string>;
}

export interface JobError {
  /** BigQuery's reason: invalidQuery, notFound, accessDenied, quotaExceeded, backendError, stopped, timeout, ... */
  reason: string;
  message: string;
}

export interface JobInfo {
  jobId: string;
  state: "PENDING" | "RUNNING" | "DONE";
  /** Set when a DONE job failed. */
  error: JobError | null;
  labels: Record<string, string>;
  /** Rows that the job wrote: into its destination, or by DML. Null where BigQuery does not say. */
  rows: number | null;
  bytesProcessed: number;
}

export interface DryRun {
  referencedTables: (TableRef & { project: string })[];
  bytesProcessed: number;
  statementType: string;
  /** The result's columns; none where nothing is executed (the memory warehouse). */
  fields: Field[];
}

/**
 * All methods reject with WarehouseError, and with TypeError for a name or label that BigQuery would not take (labels:
 * at most 63 of [a-z0-9_-], so a tenant's id in lower case). `transient` ones may succeed when asked again; where
 * `unknown` is set the request's effect may have happened all the same.
 */
export interface Warehouse {
  readonly project: string;
  readonly location: string;
  getDataset(dataset: string): Promise<DatasetInfo | null>;
  /** "exists" where there is one of this name already, whatever its labels. */
  createDataset(
    dataset: string,
    labels: Record<string, string>,
    description: string,
  ): Promise<"created" | "exists">;
  getTable(table: TableRef): Promise<TableInfo | null>;
  createTable(table: TableRef, shape: TableShape): Promise<"created" | "exists">;
  deleteTable(table: TableRef): Promise<void>;
  /** "exists" where a job of this id was submitted before: whatever that job did stands. */
  submitQuery(job: QueryJob): Promise<"started" | "exists">;
  /** @throws TypeError for a job that the port does not allow (see MergeJob), before anything is sent. */
  submitMerge(job: MergeJob): Promise<"started" | "exists">;
  /** Missing: the job does nothing. */
  submitDrop(job: DropJob): Promise<"started" | "exists">;
  /**
   * Loads data into a table, which is made where it is missing. The data of `bytes` and `stream` is uploaded with the
   * job: where the answer is "exists" it was sent for nothing, so a caller that may come second asks getJob first.
   * The job's error tells a bad row by "starting at position <byte>" or by its file.
   */
  submitLoad(job: LoadJob): Promise<"started" | "exists">;
  getJob(jobId: string): Promise<JobInfo | null>;
  /** Waits until the job is DONE, at most `ms` milliseconds; then returns it as it is. Unknown: reason notFound. */
  waitForJob(jobId: string, ms: number): Promise<JobInfo>;
  /**
   * The rows of a query job that ended well and had no destination, as `read` gives them; for small results. BigQuery
   * keeps them for a day, a local one until it ends: reason notFound after that.
   */
  jobRows(jobId: string): Promise<Record<string, unknown>[]>;
  /** Asks for the job's end; it may still complete. Unknown or DONE: does nothing. */
  cancelJob(jobId: string): Promise<void>;
  dryRun(query: Pick<QueryJob, "sql" | "params" | "defaultDataset">): Promise<DryRun>;
  /**
   * Runs a small read query and returns its rows as plain JSON values: INT64 as number (a string beyond 2^53), NUMERIC
   * as string, TIMESTAMP as RFC 3339 in UTC, BYTES as base64, JSON parsed.
   */
  read(query: Pick<QueryJob, "sql" | "params" | "defaultDataset">): Promise<Record<string, unknown>[]>;
}

/** A failed warehouse call. */
export class WarehouseError extends Error {
  override readonly name = "WarehouseError";
  readonly reason: string;
  readonly transient: boolean;
  readonly unknown: boolean;
  constructor(reason: string, message: string, kind: { transient?: boolean; unknown?: boolean } = {}) {
    super(message);
    this.reason = reason;
    this.transient = kind.transient ?? false;
    this.unknown = kind.unknown ?? false;
  }
}

/** Reasons of BigQuery's error table that pass by themselves. */
const TRANSIENT_REASONS = new Set([
  "backendError",
  "internalError",
  "jobBackendError",
  "jobInternalError",
  "jobRateLimitExceeded",
  "rateLimitExceeded",
  "tableUnavailable",
  "userRateLimitExceeded",
]);

/** True for a reason that another try may not meet. */
export function isTransient(reason: string): boolean {
  return TRANSIENT_REASONS.has(reason);
}
