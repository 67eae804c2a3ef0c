import assert from "node:assert/strict";
import { z } from "zod";

/** A JSON answer. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

const object = z.record(z.string(), z.unknown());

/** One exchange. A body that is no string is sent as JSON. @throws whatever ends it early, `signal` too */
export async function call(
  url: string,
  method = "GET",
  body?: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    signal: signal ?? null,
    headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? {} : object.parse(JSON.parse(text)),
  };
}

/** Onboards a tenant and gives its key. */
export async function onboard(
  url: string,
  tenant: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const { status, body } = await call(
    `${url}/api/v1/customers/onboard`,
    "POST",
    { tenant_id: tenant },
    headers,
  );
  assert.equal(status, 200, JSON.stringify(body));
  return z.string().parse(body.api_key);
}

/** A tenant's client. */
export interface TenantClient {
  tenant: string;
  key: string;
  run(template: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The run's detail once it is over. */
  finished(runId: unknown): Promise<Answer>;
  get(path: string): Promise<Answer>;
}

/** A client that speaks for a tenant; `template` as in gcp/cost/export. */
export function tenantClient(url: string, tenant: string, key: string): TenantClient {
  const headers = { "X-API-Key": key };
  return {
    tenant,
    key,
    run: (template, body = {}, more = {}) =>
      call(`${url}/api/v1/pipelines/run/${tenant}/${template}`, "POST", body, { ...headers, ...more }),
    finished: (runId) => call(`${url}/api/v1/pipelines/runs/${runId}?wait=30`, "GET", undefined, headers),
    get: (path) => call(`${url}${path}`, "GET", undefined, headers),
  };
}

/** Asks until `condition` holds, at most `ms` milliseconds. */
export async function eventually<T>(
  ask: () => Promise<T>,
  condition: (value: T) => boolean,
  ms = 5_000,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await ask();
    if (condition(value)) return value;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
}
