import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { BigQuery, type Query } from "@google-cloud/bigquery";
import { PassThroughClient } from "google-auth-library";
import { type LocalBigQuery, type LocalBigQueryOptions, startLocalBigQuery } from "./index.ts";

export const PROJECT = "gac-prod-471220";

/** The real client, pointed at an endpoint. */
export function clientOf(url: string, projectId = PROJECT): BigQuery {
  return new BigQuery({ apiEndpoint: url, projectId, authClient: new PassThroughClient() });
}

export interface Kit {
  server: LocalBigQuery;
  client: BigQuery;
  /** Runs a statement and gives its rows as plain JSON. */
  rows(query: string | Query): Promise<unknown[]>;
}

/** An endpoint on a free port, closed when the test ends. */
export async function startKit(t: TestContext, options: Partial<LocalBigQueryOptions> = {}): Promise<Kit> {
  const faults: string[] = [];
  const server = await startLocalBigQuery({
    host: "127.0.0.1",
    port: 0,
    file: null,
    log: (line) => faults.push(line),
    ...options,
  });
  t.after(() => server.close());
  t.after(() => assert.deepEqual(faults, [], "the endpoint logged an internal error"));
  const client = clientOf(server.url);
  return { server, client, rows: (query) => rowsOf(client, query) };
}

/** A statement's rows as plain JSON (dates and numbers as the client spells them). */
export async function rowsOf(client: BigQuery, query: string | Query): Promise<unknown[]> {
  const [rows] = await client.query(typeof query === "string" ? { query } : query);
  return JSON.parse(JSON.stringify(rows));
}

/** What the client's error shows: status, reason, message. */
export interface Failure {
  code: number;
  reason: string;
  message: string;
}

/** Awaits a rejection and gives what the client shows of it. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    if (typeof error !== "object" || error === null) throw error;
    const code = "code" in error ? Number(error.code) : 0;
    const errors: unknown = "errors" in error ? error.errors : undefined;
    const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
    const entry = typeof first === "object" && first !== null ? first : {};
    return {
      code,
      reason: "reason" in entry ? String(entry.reason) : "",
      message: "message" in entry ? String(entry.message) : String(error),
    };
  }
  assert.fail("it was not refused");
}

/** Asserts that a query is refused with this status and reason, and a message that matches. */
export async function refuses(
  kit: Kit,
  query: string | Query,
  code: number,
  reason: string,
  message: RegExp,
): Promise<void> {
  const failure = await failureOf(kit.client.query(typeof query === "string" ? { query } : query));
  const text = typeof query === "string" ? query : query.query;
  assert.deepEqual([failure.code, failure.reason], [code, reason], `${text}: ${failure.message}`);
  assert.match(failure.message, message);
}
