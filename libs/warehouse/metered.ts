import type { Clock } from "@convergence/runtime/clock.ts";
import { LATENCY_SECONDS, type Metrics } from "@convergence/runtime/metrics.ts";
import { type JobInfo, type Warehouse, WarehouseError } from "./port.ts";

/** The reasons that errors and failed jobs are told apart by; any other is "other", so that series stay few. */
const REASONS: ReadonlySet<string> = new Set([
  // BigQuery's error table: https://cloud.google.com/bigquery/docs/error-messages
  "accessDenied",
  "backendError",
  "billingNotEnabled",
  "billingTierLimitExceeded",
  "blocked",
  "duplicate",
  "internalError",
  "invalid",
  "invalidQuery",
  "invalidUser",
  "jobBackendError",
  "jobInternalError",
  "jobRateLimitExceeded",
  "notFound",
  "notImplemented",
  "quotaExceeded",
  "rateLimitExceeded",
  "resourceInUse",
  "resourcesExceeded",
  "responseTooLarge",
  "stopped",
  "tableUnavailable",
  "timeout",
  "userRateLimitExceeded",
  // The adapter's own.
  "authError",
  "network",
]);

/** So many submitted jobs are remembered until they are seen done; older ones are not counted. */
const REMEMBERED = 10_000;

type Kind = "query" | "merge" | "drop" | "load";

/**
 * The warehouse, with its requests and jobs counted. A job is counted by the process that submitted it (or found it
 * submitted) once it sees it done. Waiting for a job is no request's duration: it waits by design.
 */
export function meteredWarehouse(warehouse: Warehouse, metrics: Metrics, clock: Clock): Warehouse {
  const request = requestMeter(metrics, clock);
  const jobs = new JobMeter(metrics);
  const submit = <J extends { jobId: string }>(
    method: string,
    kind: Kind,
    send: (job: J) => Promise<"started" | "exists">,
  ) => {
    return async (job: J) => {
      jobs.submitted(job.jobId, kind);
      return request(method, () => send(job));
    };
  };
  return {
    project: warehouse.project,
    location: warehouse.location,
    getDataset: (dataset) => request("getDataset", () => warehouse.getDataset(dataset)),
    createDataset: (...args) => request("createDataset", () => warehouse.createDataset(...args)),
    getTable: (table) => request("getTable", () => warehouse.getTable(table)),
    createTable: (...args) => request("createTable", () => warehouse.createTable(...args)),
    deleteTable: (table) => request("deleteTable", () => warehouse.deleteTable(table)),
    submitQuery: submit("submitQuery", "query", (job) => warehouse.submitQuery(job)),
    submitMerge: submit("submitMerge", "merge", (job) => warehouse.submitMerge(job)),
    submitDrop: submit("submitDrop", "drop", (job) => warehouse.submitDrop(job)),
    submitLoad: submit("submitLoad", "load", (job) => warehouse.submitLoad(job)),
    async getJob(jobId) {
      const job = await request("getJob", () => warehouse.getJob(jobId));
      if (job) jobs.seen(job);
      return job;
    },
    async waitForJob(jobId, ms) {
      const job = await request("waitForJob", () => warehouse.waitForJob(jobId, ms));
      jobs.seen(job);
      return job;
    },
    jobRows: (jobId) => request("jobRows", () => warehouse.jobRows(jobId)),
    cancelJob: (jobId) => request("cancelJob", () => warehouse.cancelJob(jobId)),
    dryRun: (query) => request("dryRun", () => warehouse.dryRun(query)),
    read: (query) => request("read", () => warehouse.read(query)),
  };
}

type RequestMeter = <T>(method: string, send: () => Promise<T>) => Promise<T>;

function requestMeter(metrics: Metrics, clock: Clock): RequestMeter {
  const durations = metrics.histogram(
    "convergence_bigquery_request_duration_seconds",
    "From a request's start to its answer or error, without the waiting for jobs.",
    LATENCY_SECONDS,
    ["method"],
  );
  const errors = metrics.counter(
    "convergence_bigquery_request_errors_total",
    "Requests that failed, by BigQuery's reason; network: no answer.",
    ["method", "reason"],
  );
  return async (method, send) => {
    const begun = clock.now();
    try {
      return await send();
    } catch (error) {
      if (error instanceof WarehouseError) errors.inc({ method, reason: bounded(error.reason) });
      throw error;
    } finally {
      if (method !== "waitForJob") durations.observe({ method }, (clock.now() - begun) / 1000);
    }
  };
}

/** The jobs that this process waits for, and what became of them. */
class JobMeter {
  readonly #kinds = new Map<string, Kind>();
  readonly #ended;
  readonly #bytes;

  constructor(metrics: Metrics) {
    this.#ended = metrics.counter(
      "convergence_bigquery_jobs_total",
      "Jobs that ended. outcome: done, or BigQuery's reason for the failure.",
      ["kind", "outcome"],
    );
    this.#bytes = metrics.counter(
      "convergence_bigquery_processed_bytes_total",
      "Bytes that ended jobs processed, as BigQuery states them.",
      ["kind"],
    );
  }

  submitted(jobId: string, kind: Kind): void {
    this.#kinds.set(jobId, kind);
    if (this.#kinds.size <= REMEMBERED) return;
    const [oldest] = this.#kinds.keys();
    if (oldest !== undefined) this.#kinds.delete(oldest);
  }

  seen({ jobId, state, error, bytesProcessed }: JobInfo): void {
    const kind = this.#kinds.get(jobId);
    if (kind === undefined || state !== "DONE") return;
    this.#kinds.delete(jobId);
    this.#ended.inc({ kind, outcome: error === null ? "done" : bounded(error.reason) });
    this.#bytes.inc({ kind }, bytesProcessed);
  }
}

function bounded(reason: string): string {
  return REASONS.has(reason) ? reason : "other";
}
