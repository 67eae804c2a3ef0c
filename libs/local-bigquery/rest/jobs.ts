import { createHash, randomUUID } from "node:crypto";
import { schemaJson, typeOfField } from "../catalog/schema.ts";
import { BigQueryError, invalid, notFound, notImplemented } from "../errors.ts";
import { type QueryConfiguration, readQuery, readTableReference } from "../jobs/configuration.ts";
import { describe, deserialise, failure, type Job, jobKey } from "../jobs/job.ts";
import { type Jobs, queryWork } from "../jobs/jobs.ts";
import { dryRun } from "../jobs/query-job.ts";
import { withFloatTimestamps } from "../jobs/rows.ts";
import { isObject, type JsonObject, numberOf, objectOr, stringOr } from "../json.ts";
import { flag, integer, makeToken, ok, type Reply, type Request, readToken } from "./http.ts";
import { PAGE_ROWS, readTablePage } from "./tables.ts";

/** How long jobs.insert waits for a job before it answers that it is running, milliseconds. */
const INSERT_WAIT = 500;
/** The service's own limit for timeoutMs, and its usual value, milliseconds. */
const MAX_WAIT = 200_000;
const USUAL_WAIT = 10_000;

function locationOf(jobs: Jobs, project: string, asked: unknown, query: JsonObject): string {
  if (typeof asked === "string" && asked !== "") return asked;
  const dataset = objectOr(query.destinationTable).datasetId ?? objectOr(query.defaultDataset).datasetId;
  const found = jobs.store.catalog.findDataset(project, stringOr(dataset, ""));
  return stringOr(found?.metadata.location, "US");
}

/** POST /jobs. */
export async function insertJob(jobs: Jobs, request: Request): Promise<Reply> {
  const body = request.json();
  const { project = "" } = request.params;
  const configuration = objectOr(body.configuration);
  const given = objectOr(body.jobReference);
  const id = stringOr(given.jobId, "") || undefined;
  const location = locationOf(jobs, project, given.location, objectOr(configuration.query));
  if (isObject(configuration.query)) return insertQuery(jobs, { project, id, location, configuration });
  const kind = ["load", "copy", "extract"].find((k) => isObject(configuration[k]));
  if (kind) throw notImplemented(`${kind} jobs`);
  throw new BigQueryError("required", "Required parameter is missing: configuration");
}

interface Asked {
  project: string;
  id: string | undefined;
  location: string;
  configuration: JsonObject;
}

async function insertQuery(jobs: Jobs, asked: Asked): Promise<Reply> {
  const { project, location } = asked;
  const query = readQuery(project, objectOr(asked.configuration.query), asked.configuration.jobTimeoutMs);
  if (asked.configuration.dryRun === true) return ok(await describeDryRun(jobs, asked, query));
  const job = await jobs.start(
    {
      project,
      id: asked.id ?? `job_${randomUUID()}`,
      unused: asked.id === undefined,
      location,
      configuration: fullConfiguration(asked.configuration),
    },
    query.timeoutMs,
    queryWork(jobs, query),
  );
  const current = await jobs.wait(project, job.id, INSERT_WAIT);
  await jobs.acknowledge(current);
  return ok(describe(current));
}

function fullConfiguration(configuration: JsonObject): JsonObject {
  const query = objectOr(configuration.query);
  return {
    ...configuration,
    jobType: "QUERY",
    query: { priority: "INTERACTIVE", useLegacySql: false, ...query },
  };
}

async function describeDryRun(jobs: Jobs, asked: Asked, query: QueryConfiguration): Promise<JsonObject> {
  const statement = jobs.lowering.lower(jobs.store.catalog, asked.project, query);
  const statistics = await dryRun(jobs.store, jobs.sizes, statement);
  const now = jobs.store.now();
  const job: Job = {
    project: asked.project,
    id: asked.id ?? "",
    location: asked.location,
    configuration: fullConfiguration(asked.configuration),
    state: "DONE",
    error: undefined,
    created: now,
    started: undefined,
    ended: undefined,
    statistics,
  };
  return describe(job);
}

export async function getJob(jobs: Jobs, request: Request): Promise<Reply> {
  const { project = "", job = "" } = request.params;
  return ok(describe(await jobs.get(project, job)));
}

export async function cancelJob(jobs: Jobs, request: Request): Promise<Reply> {
  const { project = "", job = "" } = request.params;
  return ok({ kind: "bigquery#jobCancelResponse", job: describe(await jobs.cancel(project, job)) });
}

export async function listJobs(jobs: Jobs, request: Request): Promise<Reply> {
  const { project = "" } = request.params;
  const { query } = request;
  const size = integer(query, "maxResults") ?? 50;
  const start = readToken(query.get("pageToken"));
  const states = query.getAll("stateFilter").map((state) => state.toUpperCase());
  const running = start === 0 ? jobs.running(project) : [];
  const stored = await jobs.store.listJobs(jobKey(project, ""), size + 1, start);
  const seen = new Set(running.map((j) => j.id));
  const done = stored
    .slice(0, size)
    .map(deserialise)
    .filter((j) => !seen.has(j.id));
  const all = [...running, ...done].filter((j) => states.length === 0 || states.includes(j.state));
  const list = all.map((j): JsonObject => {
    const { etag: _etag, selfLink: _self, ...shown } = describe(j);
    return { ...shown, state: j.state, ...(j.error ? { errorResult: { ...j.error } } : {}) };
  });
  return ok({
    kind: "bigquery#jobList",
    jobs: list,
    nextPageToken: stored.length > size ? makeToken(start + size) : undefined,
  });
}

/** POST /queries: starts a query and answers with its first page, or that it is still running. */
export async function postQuery(jobs: Jobs, request: Request): Promise<Reply> {
  const body = request.json();
  const { project = "" } = request.params;
  const query = readQuery(project, body, body.jobTimeoutMs);
  const location = locationOf(jobs, project, body.location, body);
  const configuration: JsonObject = { query: queryPart(body) };
  if (body.labels !== undefined) configuration.labels = body.labels;
  const asked: Asked = { project, id: undefined, location, configuration };
  if (body.dryRun === true) return ok(dryRunResponse(await describeDryRun(jobs, asked, query)));
  const id = requestJob(project, body.requestId);
  const started = await startOnce(jobs, asked, query, id);
  const job = await jobs.wait(project, started, Math.min(numberOf(body.timeoutMs) ?? USUAL_WAIT, MAX_WAIT));
  if (job.state !== "DONE") await jobs.acknowledge(job);
  const page: PageRequest = {
    start: 0,
    size: numberOf(body.maxResults),
    exactTimes: objectOr(body.formatOptions).useInt64Timestamp === true,
  };
  return answer(jobs, job, page, query);
}

function queryPart(body: JsonObject): JsonObject {
  const { query, queryParameters, parameterMode, defaultDataset, destinationTable, useQueryCache } = body;
  return {
    query,
    queryParameters,
    parameterMode,
    defaultDataset,
    destinationTable,
    useQueryCache,
    useLegacySql: false,
  };
}

function dryRunResponse(job: JsonObject): JsonObject {
  const statistics = objectOr(job.statistics);
  const { schema, totalBytesProcessed } = objectOr(statistics.query);
  return {
    kind: "bigquery#queryResponse",
    jobReference: job.jobReference,
    schema,
    totalBytesProcessed,
    jobComplete: true,
    cacheHit: false,
  };
}

/** A request that bears a requestId has one job, whatever is retried, across restarts too. */
function requestJob(project: string, requestId: unknown): string | undefined {
  if (typeof requestId !== "string" || requestId === "") return undefined;
  return `job_${createHash("sha256").update(`${project}\n${requestId}`).digest("base64url")}`;
}

async function startOnce(
  jobs: Jobs,
  asked: Asked,
  query: QueryConfiguration,
  id: string | undefined,
): Promise<string> {
  const { project, location } = asked;
  const configuration = fullConfiguration(asked.configuration);
  const made = id ?? `job_${randomUUID()}`;
  try {
    const job = await jobs.start(
      { project, id: made, unused: id === undefined, location, configuration },
      query.timeoutMs,
      queryWork(jobs, query),
    );
    return job.id;
  } catch (error) {
    if (error instanceof BigQueryError && error.reason === "duplicate" && id !== undefined) return id;
    throw error;
  }
}

interface PageRequest {
  start: number;
  size: number | undefined;
  exactTimes: boolean;
}

/** GET /queries/{job}. */
export async function getQueryResults(jobs: Jobs, request: Request): Promise<Reply> {
  const { project = "", job: id = "" } = request.params;
  const { query } = request;
  const wait = Math.min(integer(query, "timeoutMs") ?? USUAL_WAIT, MAX_WAIT);
  const job = await jobs.wait(project, id, wait);
  const token = query.get("pageToken");
  return answer(jobs, job, {
    start: token ? readToken(token) : (integer(query, "startIndex") ?? 0),
    size: integer(query, "maxResults"),
    exactTimes: flag(query, "formatOptions.useInt64Timestamp"),
  });
}

async function answer(jobs: Jobs, job: Job, page: PageRequest, rerun?: QueryConfiguration): Promise<Reply> {
  const head: JsonObject = {
    kind: "bigquery#getQueryResultsResponse",
    etag: `"${job.id}"`,
    jobReference: { projectId: job.project, jobId: job.id, location: job.location },
    jobComplete: job.state === "DONE",
  };
  if (job.state !== "DONE") return ok(head);
  const failed = failure(job);
  if (failed) throw failed;
  const query = objectOr(job.statistics.query);
  const totals: JsonObject = {
    ...head,
    totalBytesProcessed: query.totalBytesProcessed ?? "0",
    cacheHit: false,
    creationTime: String(job.created),
    statementType: query.statementType,
  };
  if (query.numDmlAffectedRows !== undefined)
    Object.assign(totals, { numDmlAffectedRows: query.numDmlAffectedRows, dmlStats: query.dmlStats });
  if (query.statementType !== "SELECT") return ok({ ...totals, totalRows: "0" });
  return ok({ ...totals, ...(await rowsOf(jobs, job, page, rerun)) });
}

async function rowsOf(
  jobs: Jobs,
  job: Job,
  page: PageRequest,
  rerun?: QueryConfiguration,
): Promise<JsonObject> {
  const size = Math.min(page.size ?? PAGE_ROWS, PAGE_ROWS);
  const configured = objectOr(job.configuration.query);
  const kept = jobs.result(job.project, job.id);
  if (isObject(configured.destinationTable) && !kept) {
    const table = jobs.store.catalog.getTable(readTableReference(job.project, configured.destinationTable));
    const read = await readTablePage(jobs.store, table, table.fields, page.start, size);
    const rows = page.exactTimes ? read.rows : withFloatTimestamps(read.rows, read.types);
    return pageJson(schemaJson(table.fields), rows, page.start, read.total);
  }
  if (!kept) {
    if (rerun) throw invalid("The result of this request is no longer kept; ask again with a new requestId");
    throw notFound(`Result of job ${job.project}:${job.id}: it is no longer kept; run the query again`);
  }
  const rows = kept.rows.slice(page.start, page.start + size);
  const shown = page.exactTimes ? rows : withFloatTimestamps(rows, kept.fields.map(typeOfField));
  return pageJson(schemaJson(kept.fields), shown, page.start, kept.rows.length);
}

function pageJson(schema: JsonObject, rows: JsonObject[], start: number, total: number): JsonObject {
  const next = start + rows.length;
  return {
    schema,
    rows,
    totalRows: String(total),
    pageToken: next < total && rows.length > 0 ? makeToken(next) : undefined,
  };
}
