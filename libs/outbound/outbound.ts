/** HTTP to the outside for tenants' steps: to public addresses alone, with limits of time and size. */
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { Agent, type Dispatcher, request as send } from "undici";
import { type AllowedRanges, allowedRanges } from "./addresses.ts";
import { OutboundError } from "./errors.ts";
import { guardedConnector, type Lookup, lookupAll } from "./guard.ts";
import { type Hop, nextRequest } from "./redirects.ts";

export interface OutboundRequest {
  /** GET unless given. */
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  signal?: AbortSignal;
  /** The longest body that is taken, in bytes: 32 MiB unless given. */
  maxBytes?: number;
  /** From the request's start to the answer's end, redirects included, in milliseconds: 30,000 unless given. */
  timeoutMs?: number;
  /** So many redirects are followed: 5 unless given. Each is judged anew. */
  maxRedirects?: number;
}

export interface OutboundResponse {
  status: number;
  /** By lower-case names; a repeated one's values with ", " between. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  /** The body as UTF-8. */
  text(): string;
  /** The URL that answered, after redirects. */
  url: string;
}

/** @throws OutboundError; any status is an answer. */
export interface Outbound {
  fetch(url: string, request?: OutboundRequest): Promise<OutboundResponse>;
  close(): Promise<void>;
}

export interface OutboundOptions {
  /** Beside public addresses; none unless given. */
  allowed?: AllowedRanges;
  clock?: Clock;
  /** How names are looked up: as the system does unless given. */
  lookup?: Lookup;
}

const LIMITS = { maxBytes: 32 * 1024 * 1024, timeoutMs: 30_000, maxRedirects: 5 };
const CONNECT_MS = 10_000;
const MAX_URL = 8_192;

/** A client of its own: connections are kept for a while, and belong to no proxy (HTTP_PROXY is not read). */
export function outbound(options: OutboundOptions = {}): Outbound {
  const { allowed = allowedRanges(""), clock = systemClock, lookup = lookupAll } = options;
  const agent = new Agent({ connect: guardedConnector(allowed, lookup, CONNECT_MS), connections: 8 });

  async function follow(
    first: Hop,
    request: OutboundRequest,
    signal: AbortSignal,
  ): Promise<OutboundResponse> {
    const { maxBytes = LIMITS.maxBytes, maxRedirects = LIMITS.maxRedirects } = request;
    let hop = first;
    for (let followed = 0; ; followed += 1) {
      const { url, method, headers, body } = hop;
      const answer = await send(url, {
        dispatcher: agent,
        method,
        // A compressed answer could be small on the way and endless here.
        headers: { "accept-encoding": "identity", ...headers },
        body: body ?? null,
        signal,
      });
      const next = nextRequest(hop, answer.statusCode, headerOf(answer, "location"));
      if (next === null) return { ...(await taken(answer, maxBytes)), url: url.href };
      await answer.body.dump({ limit: 64 * 1024 });
      if (followed === maxRedirects) {
        throw new OutboundError("invalid", `${first.url.host} redirects more than ${maxRedirects} times`);
      }
      hop = { ...next, url: checkedUrl(next.url.href) };
    }
  }

  return {
    async fetch(url, request = {}) {
      const { method = "GET", headers = {}, body, timeoutMs = LIMITS.timeoutMs, signal: given } = request;
      const hop = { url: checkedUrl(url), method, headers: lowerCased(headers), body };
      const limit = new AbortController();
      const timer = clock.after(timeoutMs, () => limit.abort());
      const signal = AbortSignal.any([limit.signal, ...(given === undefined ? [] : [given])]);
      try {
        return await follow(hop, request, signal);
      } catch (error) {
        const { host } = hop.url;
        if (given?.aborted) throw new OutboundError("aborted", `the request to ${host} was given up`);
        if (limit.signal.aborted) {
          throw new OutboundError("timeout", `${host} did not answer in full within ${timeoutMs} ms`);
        }
        throw failure(error, host);
      } finally {
        timer.clear();
      }
    },
    close: () => agent.destroy(),
  };
}

/** @throws OutboundError where it is no URL that may be asked */
function checkedUrl(text: string): URL {
  const url = text.length <= MAX_URL && URL.canParse(text) ? new URL(text) : null;
  if (url === null)
    throw new OutboundError("invalid", "this is no URL, or one of more than 8,192 characters");
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new OutboundError("refused", `${url.protocol} is not asked: only https: and http:`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new OutboundError("refused", `the URL to ${url.host} holds a user or a password: use a header`);
  }
  return url;
}

async function taken(
  answer: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<Omit<OutboundResponse, "url">> {
  const encoding = headerOf(answer, "content-encoding") ?? "identity";
  const tooLarge = (): OutboundError =>
    new OutboundError("too_large", `the answer has more than ${maxBytes} bytes`);
  try {
    if (encoding !== "identity") {
      throw new OutboundError("invalid", `the answer is compressed (${encoding}), which was not asked for`);
    }
    if (Number(headerOf(answer, "content-length") ?? 0) > maxBytes) throw tooLarge();
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of answer.body) {
      const bytes = Buffer.from(piece);
      size += bytes.length;
      if (size > maxBytes) throw tooLarge();
      pieces.push(bytes);
    }
    const body = Buffer.concat(pieces);
    const names = Object.keys(answer.headers);
    const headers = Object.fromEntries(names.map((name) => [name, headerOf(answer, name) ?? ""]));
    return { status: answer.statusCode, headers, body, text: () => body.toString("utf8") };
  } finally {
    answer.body.on("error", () => undefined).destroy();
  }
}

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function failure(error: unknown, host: string): OutboundError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboundError) return cause;
    if (cause instanceof AggregateError) {
      const told = cause.errors.find((one) => one instanceof OutboundError);
      if (told !== undefined) return told;
    }
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "UND_ERR_INVALID_ARG") {
    return new OutboundError(
      "invalid",
      `the request to ${host} cannot be sent: a header or its body is ill-formed`,
    );
  }
  return new OutboundError(
    "unreachable",
    `${host} cannot be reached, or the connection broke${code && ` (${code})`}`,
  );
}
