import { isUtf8 } from "node:buffer";
import { childOf, newTrace, type Trace, traceFields, traceOf } from "@convergence/contracts";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { Random } from "@convergence/runtime/random.ts";
import express, { type Express, type Request, type Response } from "express";
import type { Log } from "../deps.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { ApiProblem } from "../problem.ts";
import { type RateLimitOptions, RateLimits } from "../rate-limits/limits.ts";
import { type AccessOptions, guardOf } from "./callers.ts";
import { docsPage } from "./docs-page.ts";
import { isEventStream, sendEvents } from "./event-stream.ts";
import { healthRoutes } from "./health.ts";
import { openApiDocument } from "./openapi.ts";
import { internalProblem, problemBody, problemOf } from "./problems.ts";
import type { Callers, Guard, Received, Reply, Route, Who } from "./route.ts";
import { routes } from "./routes.ts";

export interface HttpOptions extends AccessOptions {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: GatewayMetrics;
  rateLimits: RateLimitOptions;
  /** What GET /metrics answers; null: not on this port. */
  exposition: Pick<Metrics, "text" | "contentType"> | null;
  /** For the API's description. */
  version: string;
}

/** In the metrics, as nginx has it: the client went away before its answer. */
const CLIENT_GONE = 499;
const MAX_BODY = 1_048_576;
/** What a client may choose as its request's id. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Any JSON value is read; what it must be, the route says. */
const readJson = express.json({
  limit: MAX_BODY,
  strict: false,
  inflate: false,
  verify(_request, _response, bytes) {
    if (!isUtf8(bytes)) throw new TypeError("not UTF-8");
  },
});

/** The gateway over HTTP. */
export function httpApp(gateway: Gateway, options: HttpOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", "simple");
  app.use((request, response, next) => {
    begin(request, response, options);
    next();
  });
  const limits = new RateLimits(options.clock, options.rateLimits, (limit) =>
    options.metrics.rateLimited(limit),
  );
  for (const [path, methods] of byPath(routes)) mount(app, gateway, options, limits, path, methods);
  healthRoutes(app, gateway, options.exposition);
  const document = openApiDocument(routes, options.version);
  app.get("/openapi.json", (_request, response) => send(response, { status: 200, body: document }));
  app.get("/docs", (_request, response) => sendPage(response, docsPage(document)));
  app.use(() => {
    throw new ApiProblem(404, "no-such-route", "There is nothing at this path: see /docs for what there is.");
  });
  app.use((error: unknown, request: Request, response: Response, _next: unknown) => {
    fail(error, request, response, options);
  });
  return app;
}

/** Every answer bears the request's id and its trace, and is counted. */
function begin(request: Request, response: Response, { clock, random, metrics, log }: HttpOptions): void {
  const started = clock.now();
  const given = request.headers["x-request-id"];
  const id = typeof given === "string" && REQUEST_ID.test(given) ? given : random.uuid();
  response.setHeader("X-Request-Id", id);
  const asked = traceOf(request.headers);
  const trace = asked === null ? newTrace(random) : childOf(asked, random);
  response.locals.trace = trace;
  // The draft of W3C's response header: with it a client finds the request again that it gave no trace of its own.
  response.setHeader("traceresponse", trace.traceparent);
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.once("close", () => {
    const route: unknown = response.locals.route;
    // A client leaves a stream of events when it likes.
    const answered = response.writableFinished || isEventStream(response);
    const status = answered ? response.statusCode : CLIENT_GONE;
    const seconds = (clock.now() - started) / 1_000;
    metrics.request(request.method, typeof route === "string" ? route : "none", status, seconds);
    log.debug({ request_id: id, method: request.method, route, status, ...traceFields(trace) }, "answered");
  });
}

function byPath(all: readonly Route[]): Map<string, Route[]> {
  return Map.groupBy(all, ({ path }) => path);
}

function mount(
  app: Express,
  gateway: Gateway,
  options: HttpOptions,
  limits: RateLimits,
  path: string,
  methods: readonly Route[],
): void {
  const place = app.route(path.replaceAll(/\{(\w+)\}/g, ":$1"));
  for (const route of methods) {
    place[route.method](async (request: Request, response: Response) => {
      response.locals.route = route.path;
      const guard = limited(guardOf(gateway, options, request.headers), limits, request, response);
      send(response, await route.answer(gateway, guard, () => receive(route, request, response)));
    });
  }
  const allowed = methods.map(({ method }) => method.toUpperCase()).join(", ");
  place.all((request, response) => {
    response.locals.route = path;
    response.setHeader("Allow", allowed);
    if (request.method === "OPTIONS") send(response, { status: 204 });
    else throw new ApiProblem(405, "method-not-allowed", `Here only ${allowed} may be used.`);
  });
}

/** The guard, which counts its callers' requests, and the wrong keys of those who are none. */
function limited(guard: Guard, limits: RateLimits, request: Request, response: Response): Guard {
  return <W extends Who>(who: W): Callers[W] => {
    // Gone already: it hears no answer either.
    const address = request.socket.remoteAddress ?? "";
    if (request.headers["x-admin-key"] !== undefined) limits.mayTry(address);
    let caller: Callers[W];
    try {
      caller = guard(who);
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) limits.failed(address);
      throw error;
    }
    for (const [name, value] of Object.entries(limits.admit(caller))) response.setHeader(name, value);
    return caller;
  };
}

async function receive(route: Route, request: Request, response: Response): Promise<Received> {
  return {
    params: request.params,
    query: request.query,
    body: route.body === undefined ? undefined : await bodyOf(request, response),
    head: {
      idempotencyKey: request.get("idempotency-key") ?? null,
      requestId: requestIdOf(response),
      lastEventId: request.get("last-event-id") ?? null,
      trace: traceIn(response),
    },
  };
}

/** @throws ApiProblem 415 for anything but JSON; what express.json throws */
async function bodyOf(request: Request, response: Response): Promise<unknown> {
  if (!request.is("application/json")) {
    throw new ApiProblem(415, "json-required", "Send the body as JSON, with Content-Type: application/json.");
  }
  await new Promise<void>((resolve, reject) => {
    readJson(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
  });
  return request.body;
}

/** The id that `begin` gave this exchange. */
function requestIdOf(response: Response): string {
  return String(response.getHeader("X-Request-Id"));
}

/** The trace that `begin` gave this exchange. */
function traceIn(response: Response): Trace {
  return response.locals.trace;
}

function send(response: Response, { status, body, events, sent }: Reply): void {
  if (events !== undefined) {
    sendEvents(response, events);
    return;
  }
  if (sent !== undefined) response.once("finish", sent);
  response.statusCode = status;
  if (body === undefined) {
    response.end();
    return;
  }
  const text = JSON.stringify(body);
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Content-Length", Buffer.byteLength(text));
  response.end(response.req.method === "HEAD" ? undefined : text);
}

function sendPage(response: Response, page: string): void {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.setHeader("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
  response.end(page);
}

function fail(error: unknown, request: Request, response: Response, { log }: HttpOptions): void {
  const requestId = requestIdOf(response);
  const problem = problemOf(error) ?? internalProblem();
  if (problem.status === 500) {
    const about = { request_id: requestId, method: request.method, ...traceFields(traceIn(response)) };
    log.error({ err: error, ...about }, "a request failed");
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value);
  if (problem.retryAfter !== null) response.setHeader("Retry-After", problem.retryAfter);
  // What is left of a body that was not read must not pass for the next request.
  if (!request.complete) response.setHeader("Connection", "close");
  const text = JSON.stringify(problemBody(problem, requestId));
  response.statusCode = problem.status;
  response.setHeader("Content-Type", "application/problem+json; charset=utf-8");
  response.setHeader("Content-Length", Buffer.byteLength(text));
  response.end(request.method === "HEAD" ? undefined : text);
}
