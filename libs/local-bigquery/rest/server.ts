import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { notFound, notImplemented } from "../errors.ts";
import { checkCaller } from "./caller.ts";
import { deleteDataset, getDataset, insertDataset, listDatasets, updateDataset } from "./datasets.ts";
import { errorReply, jsonOf, MAX_BODY, ok, type Reply, type Request, readBody, send } from "./http.ts";
import { InsertAll } from "./insert-all.ts";
import { cancelJob, deleteJob, getJob, insertJob, listJobs } from "./jobs.ts";
import { getQueryResults, postQuery } from "./queries.ts";
import type { Service } from "./service.ts";
import { deleteTable, getTable, insertTable, listRows, listTables, updateTable } from "./tables.ts";
import { MAX_UPLOAD, Uploads } from "./upload.ts";

type Handler = (request: Request) => Reply | Promise<Reply>;

interface Route {
  method: string;
  /** Path parts; those that begin with ":" are the request's parameters. */
  parts: string[];
  handle: Handler;
}

/** Every route, below /bigquery/v2. */
function routesOf(service: Service): Route[] {
  const { store } = service;
  const uploads = new Uploads(service);
  const insertAll = new InsertAll(service);
  const routes: [string, string, Handler][] = [
    ["GET", "/projects/:project/datasets", (r) => listDatasets(store, r)],
    ["POST", "/projects/:project/datasets", (r) => insertDataset(store, r)],
    ["GET", "/projects/:project/datasets/:dataset", (r) => getDataset(store, r)],
    ["PATCH", "/projects/:project/datasets/:dataset", (r) => updateDataset(store, r)],
    ["PUT", "/projects/:project/datasets/:dataset", (r) => updateDataset(store, r)],
    ["DELETE", "/projects/:project/datasets/:dataset", (r) => deleteDataset(store, r)],
    ["GET", "/projects/:project/datasets/:dataset/tables", (r) => listTables(store, r)],
    ["POST", "/projects/:project/datasets/:dataset/tables", (r) => insertTable(store, r)],
    ["GET", "/projects/:project/datasets/:dataset/tables/:table", (r) => getTable(store, r)],
    ["PATCH", "/projects/:project/datasets/:dataset/tables/:table", (r) => updateTable(store, r)],
    ["PUT", "/projects/:project/datasets/:dataset/tables/:table", (r) => updateTable(store, r)],
    ["DELETE", "/projects/:project/datasets/:dataset/tables/:table", (r) => deleteTable(store, r)],
    ["GET", "/projects/:project/datasets/:dataset/tables/:table/data", (r) => listRows(store, r)],
    ["GET", "/projects/:project/jobs", (r) => listJobs(service, r)],
    ["POST", "/projects/:project/jobs", (r) => insertJob(service, r)],
    ["GET", "/projects/:project/jobs/:job", (r) => getJob(service, r)],
    ["POST", "/projects/:project/jobs/:job/cancel", (r) => cancelJob(service, r)],
    ["DELETE", "/projects/:project/jobs/:job/delete", (r) => deleteJob(service, r)],
    ["POST", "/projects/:project/queries", (r) => postQuery(service, r)],
    ["GET", "/projects/:project/queries/:job", (r) => getQueryResults(service, r)],
    ["POST", "/projects/:project/datasets/:dataset/tables/:table/insertAll", (r) => insertAll.insert(r)],
    ["POST", "/upload/projects/:project/jobs", (r) => uploads.start(r)],
    ["PUT", "/upload/projects/:project/jobs", (r) => uploads.put(r)],
    ["GET", "/projects", () => ok({ kind: "bigquery#projectList", projects: [], totalItems: 0 })],
  ];
  return routes.map(([method, path, handle]) => ({ method, parts: path.split("/").slice(1), handle }));
}

const BASE = /^\/bigquery\/v2\/?/;
const UPLOAD_BASE = "/upload/bigquery/v2/";

/** Parts of the service's API that this endpoint does not have. */
const UNSERVED =
  /routines|models|rowAccessPolicies|getIamPolicy|setIamPolicy|testIamPermissions|serviceAccount|:undelete/;

function matchRoute(
  routes: Route[],
  method: string,
  path: string,
): { handle: Handler; params: Record<string, string> } {
  // Uploads are routes of their own: /upload/projects/...
  const below = path.startsWith(UPLOAD_BASE)
    ? `upload/${path.slice(UPLOAD_BASE.length)}`
    : path.replace(BASE, "");
  const parts = below.split("/");
  for (const route of routes) {
    if (route.method !== method || route.parts.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = route.parts.every((part, i) => {
      const given = parts[i] ?? "";
      if (!part.startsWith(":")) return part === given;
      const decoded = decode(given);
      if (decoded === undefined || decoded === "") return false;
      params[part.slice(1)] = decoded;
      return true;
    });
    if (fits) return { handle: route.handle, params };
  }
  const unserved = UNSERVED.exec(path)?.[0];
  if (unserved) throw notImplemented(`${method} ${unserved}`);
  throw notFound(`${method} ${path}`);
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** Serves the routes. Rejects where the port cannot be listened on. */
export async function listen(service: Service, host: string, port: number): Promise<Server> {
  const routes = routesOf(service);
  const server = createServer((incoming, response) => {
    handle(routes, host, incoming, response, service).catch((error: unknown) => {
      service.log(`local BigQuery: ${String(error)}`);
      response.destroy();
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}

async function handle(
  routes: Route[],
  host: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  { expiry, log }: Service,
): Promise<void> {
  let reply: Reply;
  try {
    checkCaller(incoming, host);
    const url = new URL(incoming.url ?? "/", "http://local");
    const isUpload = url.pathname.startsWith(UPLOAD_BASE);
    const body = await readBody(incoming, isUpload ? MAX_UPLOAD : MAX_BODY);
    if (expiry.due()) await expiry.sweep();
    const method = incoming.method ?? "GET";
    const found = matchRoute(routes, method, url.pathname);
    reply = await found.handle({
      method,
      params: found.params,
      query: url.searchParams,
      headers: incoming.headers,
      body,
      json: () => jsonOf(body),
    });
  } catch (error) {
    reply = errorReply(error, log);
  }
  send(response, reply);
}

export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
