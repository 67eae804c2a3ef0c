import type { Field } from "../catalog/schema.ts";
import type { StoredJob } from "../catalog/transaction.ts";
import { BigQueryError, type ErrorEntry } from "../errors.ts";
import { isObject, type JsonObject, objectOr, parseJson, stringOr } from "../json.ts";
import type { Row } from "./rows.ts";

/** A job as it is kept: the record that goes into the database when it is done. Times are Unix milliseconds. */
export interface Job {
  project: string;
  id: string;
  location: string;
  /** As the request gave it, with what the service fills in. */
  configuration: JsonObject;
  state: "PENDING" | "RUNNING" | "DONE";
  error: ErrorEntry | undefined;
  created: number;
  started: number | undefined;
  ended: number | undefined;
  /** What REST shows below `statistics`, times aside. */
  statistics: JsonObject;
}

/** A finished query's rows, kept in memory. */
export interface Result {
  fields: Field[];
  rows: Row[];
}

/** The jobs table's key. */
export function jobKey(project: string, id: string): string {
  return `${project}:${id}`;
}

/** The job as a row of the jobs table. */
export function toStored(job: Job): StoredJob {
  return {
    id: jobKey(job.project, job.id),
    created: job.created,
    open: job.state !== "DONE",
    record: JSON.stringify(job),
  };
}

/** Reads a stored record back. */
export function deserialise(text: string): Job {
  const value = objectOr(parseJson(text));
  const time = (at: unknown): number | undefined => (typeof at === "number" ? at : undefined);
  const error = value.error;
  return {
    project: stringOr(value.project, ""),
    id: stringOr(value.id, ""),
    location: stringOr(value.location, "US"),
    configuration: objectOr(value.configuration),
    state: value.state === "RUNNING" || value.state === "PENDING" ? value.state : "DONE",
    error: isObject(error)
      ? {
          reason: stringOr(error.reason, ""),
          message: stringOr(error.message, ""),
          location: stringOr(error.location, "query"),
        }
      : undefined,
    created: time(value.created) ?? 0,
    started: time(value.started),
    ended: time(value.ended),
    statistics: objectOr(value.statistics),
  };
}

/** The job in REST form. */
export function describe(job: Job): JsonObject {
  const times: JsonObject = { creationTime: String(job.created) };
  if (job.started !== undefined) times.startTime = String(job.started);
  if (job.ended !== undefined) times.endTime = String(job.ended);
  const status: JsonObject = { state: job.state };
  if (job.error) {
    status.errorResult = { ...job.error };
    status.errors = [{ ...job.error }];
  }
  return {
    kind: "bigquery#job",
    etag: `"${job.ended ?? job.created}-${job.state}"`,
    id: `${job.project}:${job.location}.${job.id}`,
    selfLink: `/bigquery/v2/projects/${job.project}/jobs/${job.id}?location=${job.location}`,
    user_email: "local@localhost",
    jobReference: { projectId: job.project, jobId: job.id, location: job.location },
    configuration: job.configuration,
    statistics: { ...times, ...job.statistics },
    status,
    principal_subject: "user:local@localhost",
  };
}

/** The HTTP error that asking for a failed job's result gives. */
export function failure(job: Job): BigQueryError | undefined {
  if (!job.error) return undefined;
  return new BigQueryError(job.error.reason, job.error.message, job.error.location);
}
