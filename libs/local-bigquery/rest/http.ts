import type { IncomingMessage, ServerResponse } from "node:http";
import { BigQueryError, invalid } from "../errors.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";

/** A request as the routes see it. */
export interface Request {
  method: string;
  /** The parts that the route's path names, decoded. */
  params: Record<string, string>;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  /** The whole body. */
  body: Buffer;
  json(): JsonObject;
}

export interface Reply {
  status: number;
  body: JsonObject | undefined;
  headers?: Record<string, string>;
}

export const ok = (body: JsonObject): Reply => ({ status: 200, body });
export const noContent: Reply = { status: 204, body: undefined };

/** Largest body of a request that is no upload, bytes. The service takes 10 MB of query parameters. */
export const MAX_BODY = 32 * 1024 * 1024;

export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    if (!Buffer.isBuffer(part)) continue;
    size += part.length;
    if (size > limit) throw invalid(`Request payload size exceeds the limit: ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** A JSON object out of a body; an empty body is an empty object. */
export function jsonOf(body: Buffer): JsonObject {
  if (body.length === 0) return {};
  const value = parseJson(body.toString("utf8"));
  if (!isObject(value)) throw new BigQueryError("parseError", "Parse Error: the body is not a JSON object");
  return value;
}

export function send(response: ServerResponse, reply: Reply): void {
  const text = reply.body === undefined ? "" : JSON.stringify(reply.body);
  response.writeHead(reply.status, {
    "content-type": "application/json; charset=UTF-8",
    "content-length": Buffer.byteLength(text),
    ...reply.headers,
  });
  response.end(text);
}

const STATUS_TEXT: Record<number, string> = {
  400: "INVALID_ARGUMENT",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ALREADY_EXISTS",
  412: "FAILED_PRECONDITION",
  501: "UNIMPLEMENTED",
  503: "UNAVAILABLE",
};

/** An error in the service's form. What is no BigQueryError is a fault of this endpoint: 500, without its text. */
export function errorReply(error: unknown, log: (line: string) => void): Reply {
  if (!(error instanceof BigQueryError))
    log(`local BigQuery: ${error instanceof Error ? error.stack : String(error)}`);
  const known =
    error instanceof BigQueryError
      ? error
      : new BigQueryError("internalError", "internal error of the local BigQuery; see its log");
  const code = known.reason === "internalError" ? 500 : known.status;
  const entry: JsonObject = { message: known.message, domain: "global", reason: known.reason };
  if (known.location !== undefined)
    Object.assign(entry, { location: known.location, locationType: "parameter" });
  return {
    status: code,
    body: {
      error: {
        code,
        message: known.message,
        errors: [entry],
        status: STATUS_TEXT[code] ?? "INVALID_ARGUMENT",
      },
    },
  };
}

/** "true" or "1" of a query string. */
export function flag(query: URLSearchParams, name: string): boolean {
  return query.get(name) === "true" || query.get(name) === "1";
}

/** A number of the query string, or undefined where it is absent or none. */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** One page of a list. Tokens carry the position of the next page. */
export function pageOf<T>(
  all: T[],
  query: URLSearchParams,
  usual: number,
): { items: T[]; next: string | undefined } {
  const size = Math.max(1, integer(query, "maxResults") ?? usual);
  const start = readToken(query.get("pageToken"));
  const items = all.slice(start, start + size);
  return { items, next: start + size < all.length ? makeToken(start + size) : undefined };
}

export function makeToken(position: number): string {
  return Buffer.from(`from:${position}`).toString("base64url");
}

/** The position in a page token; 0 without one. Throws where the token is not ours. */
export function readToken(token: string | null | undefined): number {
  if (token === null || token === undefined || token === "") return 0;
  const position = /^from:(\d+)$/.exec(Buffer.from(token, "base64url").toString())?.[1];
  if (position === undefined) throw invalid("Invalid page token");
  return Number(position);
}
