import { randomUUID } from "node:crypto";
import { BigQueryError, notImplemented } from "../errors.ts";
import { type QueryConfiguration, readQuery } from "../jobs/configuration.ts";
import { copyWork } from "../jobs/copy.ts";
import { describe, deserialise, type Job, jobKey } from "../jobs/job.ts";
import type { Work } from "../jobs/jobs.ts";
import { loadWork } from "../jobs/load-job.ts";
import { dryRun } from "../jobs/query-job.ts";
import { isObject, type JsonObject, objectOr, stringOr } from "../json.ts";
import { readScript } from "../sql/script.ts";
import { countStatements } from "../sql/statement.ts";
import { integer, makeToken, noContent, ok, type Reply, type Request, readToken } from "./http.ts";
import type { Service } from "./service.ts";

/** How long jobs.insert waits for a job before it answers that it is running, milliseconds. */
const INSERT_WAIT = 1_500;

export function locationOf(service: Service, project: string, asked: unknown, query: JsonObject): string {
  if (typeof asked === "string" && asked !== "") return asked;
  const dataset = objectOr(query.destinationTable).datasetId ?? objectOr(query.defaultDataset).datasetId;
  const found = service.store.catalog.findDataset(project, stringOr(dataset, ""));
  return stringOr(found?.metadata.location, "US");
}

/** POST /jobs. */
export function insertJob(service: Service, request: Request): Promise<Reply> {
  const { project = "" } = request.params;
  return insertJobWith(service, project, request.json(), undefined);
}

/** Starts a job; `data` is what was uploaded with it. */
export async function insertJobWith(
  service: Service,
  project: string,
  body: JsonObject,
  data: Buffer | undefined,
): Promise<Reply> {
  const configuration = objectOr(body.configuration);
  const given = objectOr(body.jobReference);
  const id = stringOr(given.jobId, "") || undefined;
  const location = locationOf(service, project, given.location, objectOr(configuration.query));
  const asked: Asked = { project, id, location, configuration };
  if (isObject(configuration.query)) return insertQuery(service, asked);
  if (isObject(configuration.load) && data !== undefined) {
    const work = loadWork(service.engine, project, configuration.load, data);
    return startAndDescribe(
      service,
      { ...asked, configuration: { ...configuration, jobType: "LOAD" } },
      undefined,
      work,
    );
  }
  if (isObject(configuration.copy)) {
    const work = copyWork(service.engine, project, configuration.copy);
    return startAndDescribe(
      service,
      { ...asked, configuration: { ...configuration, jobType: "COPY" } },
      undefined,
      work,
    );
  }
  if (isObject(configuration.load)) {
    throw notImplemented("load jobs that read gs:// URIs (a bigquery_load step reads the inbox folder)");
  }
  if (isObject(configuration.extract)) throw notImplemented("extract jobs");
  throw new BigQueryError("required", "Required parameter is missing: configuration");
}

export interface Asked {
  project: string;
  id: string | undefined;
  location: string;
  configuration: JsonObject;
}

async function insertQuery(service: Service, asked: Asked): Promise<Reply> {
  const { project } = asked;
  const query = readQuery(project, objectOr(asked.configuration.query), asked.configuration.jobTimeoutMs);
  if (asked.configuration.dryRun === true) return ok(await describeDryRun(service, asked, query));
  const configuration = fullConfiguration(asked.configuration);
  return startAndDescribe(service, { ...asked, configuration }, query.timeoutMs, service.engine.work(query));
}

async function startAndDescribe(
  service: Service,
  asked: Asked,
  timeoutMs: number | undefined,
  work: Work,
): Promise<Reply> {
  const { id, ...given } = asked;
  const made = { ...given, id: id ?? `job_${randomUUID()}` };
  const job = await service.jobs.start(
    { ...made, origin: id === undefined ? "server" : "client" },
    timeoutMs,
    work,
  );
  const current = await service.jobs.wait(job.project, job.id, INSERT_WAIT);
  await service.jobs.acknowledge(job.project, job.id);
  // As the service does, tell of a failure only when asked: the client takes one in this answer for a refused request.
  return ok(describe(current.error ? { ...current, state: "RUNNING", error: undefined } : current));
}

export function fullConfiguration(configuration: JsonObject): JsonObject {
  const query = objectOr(configuration.query);
  return {
    ...configuration,
    jobType: "QUERY",
    query: { priority: "INTERACTIVE", useLegacySql: false, ...query },
  };
}

export async function describeDryRun(
  service: Service,
  asked: Asked,
  query: QueryConfiguration,
): Promise<JsonObject> {
  if (readScript(query.sql) || countStatements(query.sql) > 1) throw notImplemented("a dry run of a script");
  const statement = service.engine.lowering.lower(service.store.catalog, asked.project, query);
  const statistics = await dryRun(service.store, service.engine.sizes, statement);
  const now = service.store.now();
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

export async function getJob(service: Service, request: Request): Promise<Reply> {
  const { project = "", job = "" } = request.params;
  return ok(describe(await service.jobs.get(project, job)));
}

export async function cancelJob(service: Service, request: Request): Promise<Reply> {
  const { project = "", job = "" } = request.params;
  return ok({ kind: "bigquery#jobCancelResponse", job: describe(await service.jobs.cancel(project, job)) });
}

export async function deleteJob(service: Service, request: Request): Promise<Reply> {
  const { project = "", job = "" } = request.params;
  await service.jobs.delete(project, job);
  return noContent;
}

export async function listJobs(service: Service, request: Request): Promise<Reply> {
  const { project = "" } = request.params;
  const { query } = request;
  const size = integer(query, "maxResults") ?? 50;
  const start = readToken(query.get("pageToken"));
  const states = query.getAll("stateFilter").map((state) => state.toUpperCase());
  if (query.has("parentJobId")) throw notImplemented("jobs.list with parentJobId");
  const from = integer(query, "minCreationTime") ?? 0;
  const to = integer(query, "maxCreationTime") ?? Number.MAX_SAFE_INTEGER;
  const live = start === 0 ? service.jobs.recent(project) : [];
  const recent = live.filter(({ created }) => from <= created && created <= to);
  const stored = await service.store.listJobs(jobKey(project, ""), [from, to], size + 1, start);
  const seen = new Set(recent.map((j) => j.id));
  const done = stored
    .slice(0, size)
    .map(deserialise)
    .filter((j) => !seen.has(j.id));
  const all = [...recent, ...done].filter((j) => states.length === 0 || states.includes(j.state));
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
