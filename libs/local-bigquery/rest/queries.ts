import { createHash, randomUUID } from "node:crypto";
import { schemaJson, typeOfField } from "../catalog/schema.ts";
import { BigQueryError, invalid, notFound } from "../errors.ts";
import { type QueryConfiguration, readQuery, readTableReference } from "../jobs/configuration.ts";
import { failure, type Job } from "../jobs/job.ts";
import { withFloatTimestamps } from "../jobs/rows.ts";
import { isObject, type JsonObject, numberOf, objectOr } from "../json.ts";
import { flag, integer, makeToken, ok, type Reply, type Request, readToken } from "./http.ts";
import { type Asked, describeDryRun, fullConfiguration, locationOf } from "./jobs.ts";
import type { Service } from "./service.ts";
import { PAGE_ROWS, readTablePage } from "./tables.ts";

/** The service's own limit for timeoutMs, and its usual value, milliseconds. */
const MAX_WAIT = 200_000;
const USUAL_WAIT = 10_000;

/** POST /queries: starts a query and answers with its first page, or that it is still running. */
export async function postQuery(service: Service, request: Request): Promise<Reply> {
  const body = request.json();
  const { project = "" } = request.params;
  const query = readQuery(project, body, body.jobTimeoutMs);
  const location = locationOf(service, project, body.location, body);
  const configuration: JsonObject = { query: queryPart(body) };
  if (body.labels !== undefined) configuration.labels = body.labels;
  const asked: Asked = { project, id: undefined, location, configuration };
  if (body.dryRun === true) return ok(dryRunResponse(await describeDryRun(service, asked, query)));
  const id = requestJob(project, body.requestId);
  const started = await startOnce(service, asked, query, id);
  const job = await service.jobs.wait(
    project,
    started,
    Math.min(numberOf(body.timeoutMs) ?? USUAL_WAIT, MAX_WAIT),
  );
  await service.jobs.acknowledge(project, started);
  const page: PageRequest = {
    start: 0,
    size: numberOf(body.maxResults),
    exactTimes: objectOr(body.formatOptions).useInt64Timestamp === true,
  };
  return answer(service, job, page, query);
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
  service: Service,
  asked: Asked,
  query: QueryConfiguration,
  id: string | undefined,
): Promise<string> {
  const { project, location } = asked;
  const configuration = fullConfiguration(asked.configuration);
  const made = id ?? `job_${randomUUID()}`;
  try {
    const job = await service.jobs.start(
      { project, id: made, origin: id === undefined ? "server" : "request", location, configuration },
      query.timeoutMs,
      service.engine.work(query),
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
export async function getQueryResults(service: Service, request: Request): Promise<Reply> {
  const { project = "", job: id = "" } = request.params;
  const { query } = request;
  const wait = Math.min(integer(query, "timeoutMs") ?? USUAL_WAIT, MAX_WAIT);
  const job = await service.jobs.wait(project, id, wait);
  const token = query.get("pageToken");
  return answer(service, job, {
    start: token ? readToken(token) : (integer(query, "startIndex") ?? 0),
    size: integer(query, "maxResults"),
    exactTimes: flag(query, "formatOptions.useInt64Timestamp"),
  });
}

async function answer(
  service: Service,
  job: Job,
  page: PageRequest,
  rerun?: QueryConfiguration,
): Promise<Reply> {
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
  const hasRows = query.statementType === "SELECT" || service.jobs.result(job.project, job.id) !== undefined;
  if (!hasRows) return ok({ ...totals, schema: query.schema, totalRows: "0" });
  return ok({ ...totals, ...(await rowsOf(service, job, page, rerun)) });
}

async function rowsOf(
  service: Service,
  job: Job,
  page: PageRequest,
  rerun?: QueryConfiguration,
): Promise<JsonObject> {
  const size = Math.min(page.size ?? PAGE_ROWS, PAGE_ROWS);
  const configured = objectOr(job.configuration.query);
  const kept = service.jobs.result(job.project, job.id);
  if (isObject(configured.destinationTable) && !kept) {
    const table = service.store.catalog.getTable(
      readTableReference(job.project, configured.destinationTable),
    );
    const read = await readTablePage(service.store, table, table.fields, page.start, size);
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

/** Without rows there is no `rows`: the Python client takes an empty list, asked with maxResults=0, for all of them. */
function pageJson(schema: JsonObject, rows: JsonObject[], start: number, total: number): JsonObject {
  const next = start + rows.length;
  return {
    schema,
    ...(rows.length > 0 ? { rows } : {}),
    totalRows: String(total),
    pageToken: next < total && rows.length > 0 ? makeToken(next) : undefined,
  };
}
