import type { JobMetadata } from "@google-cloud/bigquery";
import { mergeParameters, type RestParameter } from "../merge/parameters.ts";
import { mergeStatement } from "../merge/statement.ts";
import { checkedLabels, datasetName, destinationName, qualified, qualifiedDataset } from "../names.ts";
import type {
  DropJob,
  DryRun,
  JobInfo,
  LoadFormat,
  LoadJob,
  MergeJob,
  QueryJob,
  QueryParam,
} from "../port.ts";
import { plainFields } from "./fields.ts";

/** The body of jobs.insert for a query. */
export function queryConfiguration(project: string, job: Omit<QueryJob, "jobId">): object {
  return {
    labels: checkedLabels(job.labels),
    ...(job.timeoutMs === undefined ? {} : { jobTimeoutMs: String(job.timeoutMs) }),
    query: {
      query: job.sql,
      useLegacySql: false,
      defaultDataset: { projectId: project, datasetId: datasetName(job.defaultDataset) },
      ...parameters(job.params.map(restParameter)),
      ...destination(project, job.destination),
    },
  };
}

/** The body of jobs.insert for a load; uploaded data goes beside it. */
export function loadConfiguration(project: string, job: Omit<LoadJob, "jobId">): object {
  const { source, format, schema } = job;
  return {
    labels: checkedLabels(job.labels),
    ...(job.timeoutMs === undefined ? {} : { jobTimeoutMs: String(job.timeoutMs) }),
    load: {
      ...("uris" in source ? { sourceUris: source.uris } : {}),
      ...formatOptions(format),
      ...(schema === "detect" ? { autodetect: true } : {}),
      ...(schema === null || schema === "detect" ? {} : { schema: { fields: schema } }),
      ...destination(project, job.destination),
    },
  };
}

function formatOptions(format: LoadFormat): object {
  if (format.type === "PARQUET") {
    // A list's elements as a REPEATED column, not as records of records.
    return { sourceFormat: format.type, parquetOptions: { enableListInference: true } };
  }
  if (format.type !== "CSV") return { sourceFormat: format.type };
  const { type, delimiter, headerRows, nullMarker } = format;
  return {
    sourceFormat: type,
    allowQuotedNewlines: true,
    ...(delimiter === undefined ? {} : { fieldDelimiter: delimiter }),
    ...(headerRows === undefined ? {} : { skipLeadingRows: String(headerRows) }),
    ...(nullMarker === undefined ? {} : { nullMarker }),
  };
}

/** The body of jobs.insert for a merge. */
export function mergeConfiguration(project: string, job: MergeJob): object {
  return {
    labels: checkedLabels(job.labels),
    query: {
      query: mergeStatement(project, job),
      useLegacySql: false,
      ...parameters(mergeParameters(job)),
    },
  };
}

/** The body of jobs.insert for a drop. */
export function dropConfiguration(project: string, { what, labels }: DropJob): object {
  const { dataset, table } = what;
  const statement =
    table === undefined
      ? `DROP SCHEMA IF EXISTS ${qualifiedDataset(project, dataset)} CASCADE`
      : `DROP TABLE IF EXISTS ${qualified(project, { dataset, table })}`;
  return { labels: checkedLabels(labels), query: { query: statement, useLegacySql: false } };
}

export function parameters(list: RestParameter[]): object {
  return list.length === 0 ? {} : { parameterMode: "NAMED", queryParameters: list };
}

export function restParameter({ name, type, value }: QueryParam): RestParameter {
  return {
    name,
    parameterType: { type },
    parameterValue: { value: value === null ? null : String(value) },
  };
}

function destination(project: string, to: QueryJob["destination"]): object {
  if (to === null) return {};
  return {
    destinationTable: {
      projectId: project,
      datasetId: datasetName(to.dataset),
      tableId: destinationName(to.table),
    },
    createDisposition: "CREATE_IF_NEEDED",
    writeDisposition: to.write,
    ...(to.partitionBy === undefined ? {} : { timePartitioning: to.partitionBy }),
    ...(to.clusterBy === undefined ? {} : { clustering: { fields: to.clusterBy } }),
  };
}

/** A job resource as the port tells it. */
export function jobInfo(jobId: string, job: JobMetadata): JobInfo {
  const failure = job.status?.errorResult;
  const state = job.status?.state;
  return {
    jobId,
    state: state === "DONE" || state === "RUNNING" ? state : "PENDING",
    error: failure ? { reason: failure.reason ?? "unknown", message: failure.message ?? "" } : null,
    labels: job.configuration?.labels ?? {},
    rows: failure ? null : rowsWritten(job),
    bytesProcessed: Number(job.statistics?.load?.inputFileBytes ?? job.statistics?.totalBytesProcessed ?? 0),
  };
}

/** The last stage of a query's plan writes its destination; DML and loads say themselves. */
function rowsWritten(job: JobMetadata): number | null {
  const loaded = job.statistics?.load?.outputRows;
  if (loaded != null) return Number(loaded);
  const query = job.statistics?.query;
  if (query?.numDmlAffectedRows != null) return Number(query.numDmlAffectedRows);
  if (job.configuration?.query?.writeDisposition == null) return null;
  const written = query?.queryPlan?.at(-1)?.recordsWritten;
  return written == null ? null : Number(written);
}

/** A dry run's job resource as the port tells it. */
export function dryRunInfo(job: JobMetadata): DryRun {
  const query = job.statistics?.query;
  return {
    referencedTables: (query?.referencedTables ?? []).map((table) => ({
      project: table.projectId ?? "",
      dataset: table.datasetId ?? "",
      table: table.tableId ?? "",
    })),
    bytesProcessed: Number(job.statistics?.totalBytesProcessed ?? 0),
    statementType: query?.statementType ?? "",
    fields: plainFields(query?.schema?.fields),
  };
}
