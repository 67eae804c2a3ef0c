import { randomUUID } from "node:crypto";
import { BigQueryError, notImplemented } from "../errors.ts";
import { type QueryConfiguration, readQuery } from "../jobs/configuration.ts";
import { describe, deserialise, type Job, jobKey } from "../jobs/job.ts";
import { dryRun } from "../jobs/query-job.ts";
import { isObject, type JsonObject, objectOr, stringOr } from "../json.ts";
import { integer, makeToken, ok, type Reply, type Request, readToken } from "./http.ts";
import type { Service } from "./service.ts";

/** How long jobs.insert waits for a job before it answers that it is running, milliseconds. */
const INSERT_WAIT = 500;

export function locationOf(service: Service, project: string, asked: unknown, query: JsonObject): string {
  if (typeof asked === "string" && asked !== "") return asked;
  const dataset = objectOr(query.destinationTable).datasetId ?? objectOr(query.defaultDataset).datasetId;
  const found = service.store.catalog.findDataset(project, stringOr(dataset, ""));
  return stringOr(found?.metadata.location, "US");
}

/** POST /jobs. */
export async function insertJob(service: Service, request: Request): Promise<Reply> {
  const body = request.json();
  const { project = "" } = request.params;
  const configuration = objectOr(body.configuration);
  const given = objectOr(body.jobReference);
  const id = stringOr(given.jobId, "") || undefined;
  const location = locationOf(service, project, given.location, objectOr(configuration.query));
  if (isObject(configuration.query)) return insertQuery(service, { project, id, location, configuration });
  const kind = ["load", "copy", "extract"].find((k) => isObject(configuration[k]));
  if (kind) throw notImplemented(`${kind} jobs`);
  throw new BigQueryError("required", "Required parameter is missing: configuration");
}

export interface Asked {
  project: string;
  id: string | undefined;
  location: string;
  configuration: JsonObject;
}

async function insertQuery(service: Service, asked: Asked): Promise<Reply> {
  const { project, location } = asked;
  const query = readQuery(project, objectOr(asked.configuration.query), asked.configuration.jobTimeoutMs);
  if (asked.configuration.dryRun === true) return ok(await describeDryRun(service, asked, query));
  const job = await service.jobs.start(
    {
      project,
      id: asked.id ?? `job_${randomUUID()}`,
      origin: asked.id === undefined ? "server" : "client",
      location,
      configuration: fullConfiguration(asked.configuration),
    },
    query.timeoutMs,
    service.engine.work(query),
  );
  const current = await service.jobs.wait(project, job.id, INSERT_WAIT);
  await service.jobs.acknowledge(project, job.id);
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

export async function listJobs(service: Service, request: Request): Promise<Reply> {
  const { project = "" } = request.params;
  const { query } = request;
  const size = integer(query, "maxResults") ?? 50;
  const start = readToken(query.get("pageToken"));
  const states = query.getAll("stateFilter").map((state) => state.toUpperCase());
  const running = start === 0 ? service.jobs.running(project) : [];
  const stored = await service.store.listJobs(jobKey(project, ""), size + 1, start);
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
