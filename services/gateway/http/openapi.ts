import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from "@asteasolutions/zod-to-openapi";
import type { Route, Who } from "./route.ts";
import { problem } from "./schemas.ts";

/** The API's description, OpenAPI 3.1. */
export type ApiDocument = ReturnType<OpenApiGeneratorV31["generateDocument"]>;

const TITLES: Readonly<Record<number, string>> = {
  400: "The request cannot be read.",
  401: "No valid key.",
  403: "The key does not permit this.",
  404: "There is no such thing.",
  409: "The present state forbids it.",
  413: "The body is too large.",
  415: "The body is not JSON.",
  422: "Fields are missing or wrong; all are named.",
  429: "Over a quota, or too many requests in a time: repeat after Retry-After seconds.",
  503: "It cannot be done now: repeat after Retry-After seconds.",
};

/** Describes the routes, from the very schemas that check their requests. */
export function openApiDocument(routes: readonly Route[], version: string): ApiDocument {
  const registry = new OpenAPIRegistry();
  const header = { type: "apiKey", in: "header" } as const;
  registry.registerComponent("securitySchemes", "ApiKey", { ...header, name: "X-API-Key" });
  registry.registerComponent("securitySchemes", "AdminKey", { ...header, name: "X-Admin-Key" });
  for (const route of routes) registry.registerPath(describe(route));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: "3.1.0",
    info: {
      title: "Convergence",
      version,
      description:
        "Runs declarative data pipelines over cloud cost data, one BigQuery dataset per customer. Errors are " +
        "application/problem+json; every answer bears X-Request-Id and traceresponse, and a traceparent is heeded.",
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "customers", description: "Onboarding, state and API keys." },
      { name: "pipelines", description: "Runs and templates." },
    ],
  });
}

function describe(route: Route): RouteConfig {
  const { method, path, operationId, summary, description, tag, success } = route;
  const mediaType = route.eventStream ? "text/event-stream" : "application/json";
  const config: RouteConfig = {
    method,
    path,
    operationId,
    summary,
    description,
    tags: [tag],
    security: securityOf(route),
    request: {},
    responses: {
      [success.status]: {
        description: success.description,
        ...(success.schema === null ? {} : { content: { [mediaType]: { schema: success.schema } } }),
      },
      ...(route.eventStream ? { 204: { description: "All was told, and no more is to come." } } : {}),
      ...problemsOf(route),
    },
  };
  if (route.idempotent) config.parameters = [idempotencyKey];
  if (route.eventStream) config.parameters = [lastEventId];
  if (config.request === undefined) return config;
  if (route.params !== undefined) config.request.params = route.params;
  if (route.query !== undefined) config.request.query = route.query;
  if (route.body !== undefined) {
    config.request.body = { required: true, content: { "application/json": { schema: route.body } } };
  }
  return config;
}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  description: "1 to 255 visible ASCII characters. A repeat with it, within 24 hours, has no second effect.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
} as const;

const lastEventId = {
  name: "Last-Event-ID",
  in: "header",
  description: "The id of the last event that the client got: the stream goes on behind it.",
  schema: { type: "string", pattern: "^\\d{1,9}$" },
} as const;

/** OpenAPI 3.1 lets a scheme name what is needed beside the key. */
function securityOf({ who, scope }: Route): Record<string, string[]>[] {
  const needed = scope === null ? [] : [scope];
  const schemes: Record<Who, Record<string, string[]>[]> = {
    open: [],
    tenant: [{ ApiKey: needed }],
    admin: [{ AdminKey: [] }],
    "admin or tenant": [{ ApiKey: needed }, { AdminKey: [] }],
    // The last one, empty: a gateway on loopback may let anyone on this machine in.
    "admin or local": [{ AdminKey: [] }, {}],
  };
  return schemes[who];
}

function problemsOf(route: Route): RouteConfig["responses"] {
  const ofBody = route.body === undefined ? [] : [400, 413, 415];
  const statuses = new Set([...route.problems, ...ofBody, 429, 503]);
  return Object.fromEntries(
    [...statuses]
      .sort((a, b) => a - b)
      .map((status) => [
        status,
        {
          description: TITLES[status] ?? "A problem.",
          content: { "application/problem+json": { schema: problem } },
        },
      ]),
  );
}
