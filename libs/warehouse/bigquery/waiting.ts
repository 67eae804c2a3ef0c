import { sleep } from "@convergence/runtime/clock.ts";
import type { JobMetadata } from "@google-cloud/bigquery";
import { jobName } from "../names.ts";
import { type JobInfo, WarehouseError } from "../port.ts";
import { jobInfo } from "./jobs.ts";
import { type Call, type Connection, call, callOrNull } from "./rest.ts";

/** What jobs.getQueryResults answers without rows. */
interface Poll {
  jobComplete: boolean;
  numDmlAffectedRows: string;
  totalBytesProcessed: string;
}

/** So many submitted jobs are remembered; one that is forgotten costs a request more. */
const REMEMBERED = 1_000;

/** Between two looks at a load job, for which BigQuery has no long poll, in milliseconds. */
const LOAD_LOOK_MS = 1_000;

/**
 * Waits for jobs with as few requests as tell the truth: none for a job that was DONE in the answer to its submit,
 * one for DML that ends well (BigQuery's long poll tells its rows), else the long poll and jobs.get.
 */
export class JobWaiting {
  readonly #connection: Connection;
  readonly #location: string;
  /** BigQuery's answers to submits made here: what a job is; and if DONE, what became of it, which never changes. */
  readonly #submitted = new Map<string, JobMetadata>();

  constructor(connection: Connection, location: string) {
    this.#connection = connection;
    this.#location = location;
  }

  /** To be called with BigQuery's answer to a job's submit. */
  submitted(jobId: string, job: JobMetadata): void {
    this.#submitted.set(jobId, job);
    if (this.#submitted.size > REMEMBERED) {
      const [oldest = ""] = this.#submitted.keys();
      this.#submitted.delete(oldest);
    }
  }

  /** See Warehouse.waitForJob. */
  async wait(jobId: string, ms: number): Promise<JobInfo> {
    const { clock, timeoutMs } = this.#connection;
    const deadline = clock.now() + ms;
    const submitted = this.#submitted.get(jobId);
    if (submitted?.status?.state === "DONE") return jobInfo(jobId, submitted);
    for (;;) {
      // Well below the request's own time limit.
      const left = Math.min(Math.max(0, deadline - clock.now()), Math.floor(timeoutMs / 2));
      const isKnownLoad = submitted?.configuration?.load !== undefined;
      const poll = isKnownLoad ? {} : await this.#poll(jobId, left);
      if (
        submitted &&
        !(poll instanceof WarehouseError) &&
        poll.jobComplete &&
        poll.numDmlAffectedRows !== undefined
      ) {
        return endedWell(jobId, submitted, poll);
      }
      const found = await this.#find(jobId);
      if (found === null) throw new WarehouseError("notFound", `there is no job ${jobId}`);
      const job = jobInfo(jobId, found);
      if (job.state === "DONE") return job;
      const isLoad = found.configuration?.load !== undefined;
      if (poll instanceof WarehouseError && !isLoad) throw poll;
      if (clock.now() >= deadline) return job;
      if (isLoad) await sleep(clock, Math.min(LOAD_LOOK_MS, left));
    }
  }

  /** See Warehouse.getJob. */
  async get(jobId: string): Promise<JobInfo | null> {
    const job = await this.#find(jobId);
    return job && jobInfo(jobId, job);
  }

  #find(jobId: string): Promise<Partial<JobMetadata> | null> {
    return callOrNull<JobMetadata>(this.#connection, this.#about(`/jobs/${jobName(jobId)}`, {}));
  }

  /** A failed job's error comes back as the request's own, which may also be the request's: jobs.get tells. */
  async #poll(jobId: string, timeoutMs: number): Promise<Partial<Poll> | WarehouseError> {
    const request = this.#about(`/queries/${jobName(jobId)}`, { timeoutMs, maxResults: 0 });
    try {
      return await call<Poll>(this.#connection, request);
    } catch (error) {
      if (error instanceof WarehouseError && error.reason !== "network") return error;
      throw error;
    }
  }

  #about(path: string, query: Record<string, number>): Call {
    return { method: "GET", path, query: { location: this.#location, ...query } };
  }
}

/** BigQuery tells the rows of DML once it is complete. */
function endedWell(jobId: string, submitted: JobMetadata, poll: Partial<Poll>): JobInfo {
  return {
    ...jobInfo(jobId, submitted),
    state: "DONE",
    rows: Number(poll.numDmlAffectedRows),
    bytesProcessed: Number(poll.totalBytesProcessed ?? 0),
  };
}
