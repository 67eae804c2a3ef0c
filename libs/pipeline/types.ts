/**
 * Glossary of this library.
 * - template: a pipeline as its author wrote it, in configs/{provider}/{domain}/{name}.yml, checked and compiled.
 * - parameter: a variable that a template declares; a run's body, or a default, gives its value.
 * - fault: what is wrong with a template, found when it is loaded; the author's to mend.
 * - problem: what is wrong with a request to run a template; the client's to mend.
 * - resolved run: a template with its variables replaced, as plain JSON, ready to be carried out.
 */
import type { Field, LoadFormat, QueryParam } from "@convergence/warehouse/port.ts";

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** What is wrong with a template, and where. Lines and columns count from 1. */
export interface Fault {
  file: string;
  line: number;
  column: number;
  /** The YAML path, as in `steps[1].query`; empty for the file as a whole. */
  path: string;
  /** What is wrong and what to do about it. */
  message: string;
}

/** A fault on one line, as editors and terminals make a link of it. */
export function showFault({ file, line, column, path, message }: Fault): string {
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`;
}

/** What is wrong with a request: the field or variable at fault, and what to do about it. */
export interface Problem {
  field: string;
  message: string;
}

/** Which template: the three parts of its path under configs/. */
export interface TemplateName {
  provider: string;
  domain: string;
  name: string;
}

export const PARAMETER_TYPES = ["string", "int", "float", "bool", "date", "timestamp"] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** A parameter's value, checked: dates and timestamps as text, an int beyond 2^53 as its digits. */
export type Scalar = string | number | boolean;

export interface Parameter {
  name: string;
  type: ParameterType;
  /** A value of the type; for a date also `today` or `yesterday` (UTC), for a timestamp also `now`. */
  default: Scalar | undefined;
  /** True exactly when there is no default. */
  required: boolean;
  description: string;
}

/** A template without faults. */
export interface Template extends TemplateName {
  /** Path of the file, from the folder above configs/. */
  file: string;
  /** As written, variables not replaced. */
  description: string;
  /** SHA-256 of the file's bytes, hex: recorded on each run. */
  configVersion: string;
  parameters: readonly Parameter[];
  /** Refuses variables that are not declared; otherwise they are passed on and recorded. */
  strictParameters: boolean;
  /** From the start of its first step a run has so long, in minutes; null: no limit. */
  timeoutMinutes: number | null;
  steps: readonly TemplateStep[];
  /** The compiled texts; for `resolve`. */
  compiled: { pipelineId: Text; description: Text };
  concurrency: { key: Text; limit: number; policy: "queue" | "skip" } | null;
  /** What a tenant's schedule of it takes unless it gives its own; it starts nothing by itself. */
  schedule: { cron: string; timezone: string } | null;
}

/** A step of a template: its head, and how to make its work for one run. */
export interface TemplateStep {
  stepId: string;
  type: StepWork["type"];
  onFailure: OnFailure;
  timeoutMinutes: number | null;
  /** The steps that must be COMPLETE before; null in a template whose steps run in the order written. */
  dependsOn: readonly string[] | null;
  retry: Retry | null;
  /** YAML path of the step, to name in problems. */
  path: string;
  resolve(scope: Scope): StepWork;
}

export type OnFailure = "stop" | "continue" | "alert";

/** How a failure that may pass is tried again. */
export interface Retry {
  /** Tries in all. */
  attempts: number;
  backoff: "exponential" | "fixed";
  pauseSeconds: number;
  maxPauseSeconds: number;
}

/** A text with variables: pieces in order. */
export type Text = readonly (string | { variable: string })[];

/** What a run's values are replaced from, and where problems go. */
export interface Scope {
  readonly tenantId: string;
  readonly project: string;
  /** Every variable that a template may name. */
  readonly values: ReadonlyMap<string, Scalar>;
  problem(field: string, message: string): void;
}

/** What one step does. One member for each step type; plain JSON, for it travels in events. */
export type StepWork =
  | { type: "bigquery_query"; query: ResolvedQuery; destination: ResolvedDestination | null }
  | LoadWork
  | { type: "dataset_check"; tables: string[] }
  | ({ type: "data_quality" } & QualityWork)
  | ({ type: "reconciliation" } & QualityWork)
  | { type: "noop" };

/** A load of files into a table. */
export interface LoadWork {
  type: "bigquery_load";
  /** Paths in the tenant's inbox, with wildcards; or gs:// URIs. */
  source: { files: string[] } | { uris: string[] };
  format: LoadFormat;
  /** Null: the table's own columns, or the Parquet file's. */
  schema: Field[] | "detect" | null;
  destination: ResolvedDestination;
}

/** Checks of one table. */
export interface QualityWork {
  table: string;
  /** Which rows are checked: a condition; null for all. */
  where: ResolvedSql | null;
  /** Whether a FAIL fails the step. */
  mode: "fail" | "warn";
  /** Columns that samples of failing rows show beside those checked. */
  sampleColumns: string[];
  checks: ResolvedCheck[];
  /** The template: with the step's id, which set of checks this is. */
  template: string;
  /** The day of the data, YYYY-MM-DD: the run's `date`; null where it has none. */
  day: string | null;
}

export type Severity = "info" | "warn" | "fail";

export interface ResolvedCheck {
  check: string;
  severity: Severity;
  /** What the check is told, by its type (data-quality/). */
  args: { [name: string]: JsonValue };
  /** Those of `args` that are SQL. */
  sql: Record<string, ResolvedSql>;
}

/** SQL and the parameters in it. */
export interface ResolvedSql {
  sql: string;
  params: QueryParam[];
}

export interface ResolvedQuery extends ResolvedSql {
  /** Unqualified tables are the tenant's. */
  defaultDataset: string;
}

/** A table of the tenant's dataset that a query's result goes to. */
export interface ResolvedDestination {
  table: string;
  write: "WRITE_TRUNCATE" | "WRITE_APPEND" | "MERGE";
  /** Of MERGE alone: the columns that tell rows apart. */
  keys?: string[];
  partitionBy: { field: string; type: "DAY" | "MONTH" | "HOUR" | "YEAR" } | null;
  clusterBy: string[] | null;
}

export type ResolvedStep = {
  stepId: string;
  onFailure: OnFailure;
  /** After so many minutes the step's job is ended; null: no limit of its own. */
  timeoutMinutes: number | null;
  dependsOn: readonly string[] | null;
  retry: Retry | null;
} & StepWork;

/** A run's work in the order in which it is to be done. */
export interface ResolvedRun {
  pipelineId: string;
  description: string;
  configVersion: string;
  /** How many runs of the same key may be under way at once; null: any number. */
  concurrency: { key: string; limit: number; policy: "queue" | "skip" } | null;
  steps: ResolvedStep[];
}
