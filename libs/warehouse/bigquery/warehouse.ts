import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { StartError } from "@convergence/runtime/start-error.ts";
import { BigQuery, type DatasetResource, type JobMetadata, type TableMetadata } from "@google-cloud/bigquery";
import { PassThroughClient } from "google-auth-library";
import { checkMerge } from "../merge/check.ts";
import { checkedLabels, datasetName, jobName, tableName } from "../names.ts";
import { type LoadSource, type TableRef, type Warehouse, WarehouseError } from "../port.ts";
import { plainFields, type RestField } from "./fields.ts";
import {
  dropConfiguration,
  dryRunInfo,
  loadConfiguration,
  mergeConfiguration,
  parameters,
  queryConfiguration,
  restParameter,
} from "./jobs.ts";
import { type Call, call, callOrNull } from "./rest.ts";
import { plainRows } from "./rows.ts";
import { upload } from "./upload.ts";
import { JobWaiting } from "./waiting.ts";

export interface BigQueryWarehouseOptions {
  /** GCP_PROJECT_ID. */
  project: string;
  /** BIGQUERY_LOCATION: of datasets and jobs. */
  location: string;
  /** A local BigQuery's URL (http://127.0.0.1:9050): no credentials are asked for. Absent: Google's service. */
  endpoint?: string;
  /** How long a request may stay without an answer, in milliseconds. */
  requestTimeoutMs?: number;
  clock?: Clock;
}

/** A read that takes longer is given up, in milliseconds. */
const READ_MS = 60_000;

/**
 * BigQuery, real or local, by the same calls. Credentials are found as Google's libraries find them
 * (GOOGLE_APPLICATION_CREDENTIALS, the workload's identity). No call is repeated in here: its caller knows what a
 * repetition means, and sees a failure after at most `requestTimeoutMs` (10 s).
 * @throws StartError when BIGQUERY_EMULATOR_HOST is set.
 */
export function bigQueryWarehouse(options: BigQueryWarehouseOptions): Warehouse {
  const { project, location, clock = systemClock, requestTimeoutMs = 10_000 } = options;
  const connection = { client: connect(options), clock, timeoutMs: requestTimeoutMs };
  const send = <T extends object>(request: Call) => call<T>(connection, request);
  const find = <T extends object>(request: Call) => callOrNull<T>(connection, request);
  const jobs = new JobWaiting(connection, location);

  async function submit(
    jobId: string,
    configuration: object,
    data?: Exclude<LoadSource, { uris: unknown }>,
  ): Promise<"started" | "exists"> {
    const jobReference = { projectId: project, jobId: jobName(jobId), location };
    const body = { jobReference, configuration };
    const answer =
      data === undefined
        ? send<JobMetadata>({ method: "POST", path: "/jobs", body })
        : upload(connection, project, body, data);
    return created(
      "started",
      answer.then((job) => jobs.submitted(jobId, job)),
    );
  }

  return {
    project,
    location,

    async getDataset(dataset) {
      const found = await find<DatasetResource>({ method: "GET", path: `/datasets/${datasetName(dataset)}` });
      return found && { location: found.location ?? "", labels: found.labels ?? {} };
    },

    async createDataset(dataset, labels, description) {
      const datasetReference = { projectId: project, datasetId: datasetName(dataset) };
      const body = { datasetReference, location, labels: checkedLabels(labels), description };
      return created("created", send({ method: "POST", path: "/datasets", body }));
    },

    async getTable(table) {
      const found = await find<TableMetadata>({ method: "GET", path: tablePath(table) });
      if (found === null) return null;
      return { createdAt: Number(found.creationTime), schema: { fields: plainFields(found.schema?.fields) } };
    },

    async createTable(table, shape) {
      const tableReference = {
        projectId: project,
        datasetId: datasetName(table.dataset),
        tableId: tableName(table.table),
      };
      const path = `/datasets/${datasetName(table.dataset)}/tables`;
      return created("created", send({ method: "POST", path, body: { tableReference, ...shape } }));
    },

    async deleteTable(table) {
      await find({ method: "DELETE", path: tablePath(table) });
    },

    submitQuery: async (job) => submit(job.jobId, queryConfiguration(project, job)),

    async submitMerge(job) {
      checkMerge(job);
      return submit(job.jobId, mergeConfiguration(project, job));
    },

    submitDrop: async (job) => submit(job.jobId, dropConfiguration(project, job)),

    async submitLoad(job) {
      const configuration = loadConfiguration(project, job);
      return submit(job.jobId, configuration, "uris" in job.source ? undefined : job.source);
    },

    getJob: async (jobId) => jobs.get(jobId),

    waitForJob: async (jobId, ms) => jobs.wait(jobId, ms),

    async jobRows(jobId) {
      const rows: Record<string, unknown>[] = [];
      let pageToken: string | undefined;
      do {
        const page: Partial<ResultPage> = await send<ResultPage>(
          nextPage({ jobReference: { jobId, location }, pageToken }, 0),
        );
        rows.push(...plainRows(plainFields(page.schema?.fields), page.rows ?? []));
        pageToken = page.pageToken;
      } while (pageToken !== undefined);
      return rows;
    },

    async cancelJob(jobId) {
      await find({ method: "POST", path: `/jobs/${jobName(jobId)}/cancel`, query: { location } });
    },

    async dryRun(query) {
      const body = {
        jobReference: { projectId: project, location },
        configuration: {
          ...queryConfiguration(project, { ...query, destination: null, labels: {} }),
          dryRun: true,
        },
      };
      return dryRunInfo(await send<JobMetadata>({ method: "POST", path: "/jobs", body, reads: true }));
    },

    async read({ sql, params, defaultDataset }) {
      const deadline = clock.now() + READ_MS;
      const longPollMs = Math.floor(requestTimeoutMs / 2);
      const body = {
        query: sql,
        useLegacySql: false,
        location,
        defaultDataset: { projectId: project, datasetId: datasetName(defaultDataset) },
        ...parameters(params.map(restParameter)),
        timeoutMs: longPollMs,
        formatOptions: { useInt64Timestamp: true },
      };
      let page = await send<ResultPage>({ method: "POST", path: "/queries", body, reads: true });
      const rows: Record<string, unknown>[] = [];
      for (;;) {
        if (page.jobComplete) rows.push(...plainRows(plainFields(page.schema?.fields), page.rows ?? []));
        if (page.jobComplete && page.pageToken === undefined) return rows;
        if (clock.now() >= deadline) {
          throw new WarehouseError("timeout", `a read took more than ${READ_MS} ms`, { transient: true });
        }
        page = await send<ResultPage>(nextPage(page, longPollMs));
      }
    },
  };
}

/** What jobs.query and jobs.getQueryResults answer, as far as it is used. */
interface ResultPage {
  jobComplete: boolean;
  jobReference: { jobId?: string; location?: string };
  schema: { fields?: RestField[] };
  rows: { f?: { v?: unknown }[] }[];
  pageToken: string;
}

function nextPage(
  page: { jobReference?: ResultPage["jobReference"]; pageToken?: string | undefined },
  timeoutMs: number,
): Call {
  const { jobId = "", location = "" } = page.jobReference ?? {};
  const query = {
    location,
    timeoutMs,
    "formatOptions.useInt64Timestamp": true,
    ...(page.pageToken === undefined ? {} : { pageToken: page.pageToken }),
  };
  return { method: "GET", path: `/queries/${jobName(jobId)}`, query };
}

function connect(options: BigQueryWarehouseOptions): BigQuery {
  if (process.env.BIGQUERY_EMULATOR_HOST !== undefined) {
    throw new StartError(
      "BIGQUERY_EMULATOR_HOST is set; Google's client then builds wrong addresses",
      "Unset it: the local BigQuery is found without it.",
    );
  }
  if (options.endpoint !== undefined) bypassProxy(new URL(options.endpoint).hostname);
  return new BigQuery({
    projectId: options.project,
    location: options.location,
    retryOptions: { autoRetry: false },
    ...(options.endpoint === undefined
      ? {}
      : { apiEndpoint: options.endpoint, authClient: new PassThroughClient() }),
  });
}

/** The client sends through HTTP_PROXY what NO_PROXY does not name, a local endpoint's requests too. */
function bypassProxy(host: string): void {
  const named = (process.env.NO_PROXY ?? process.env.no_proxy ?? "")
    .split(",")
    .filter((entry) => entry !== "");
  if (!named.includes(host)) process.env.NO_PROXY = [...named, host].join(",");
}

/** `made` once the creating request succeeds, "exists" where BigQuery has one of this name. */
async function created<T extends string>(made: T, request: Promise<unknown>): Promise<T | "exists"> {
  try {
    await request;
    return made;
  } catch (error) {
    if (error instanceof WarehouseError && error.reason === "duplicate") return "exists";
    throw error;
  }
}

function tablePath(table: TableRef): string {
  return `/datasets/${datasetName(table.dataset)}/tables/${tableName(table.table)}`;
}
