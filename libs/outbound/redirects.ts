/** What is asked next where an answer is a redirect. */
import { OutboundError } from "./errors.ts";
import type { OutboundRequest } from "./outbound.ts";

/** One request on the way. */
export interface Hop {
  url: URL;
  method: NonNullable<OutboundRequest["method"]>;
  /** By lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: OutboundRequest["body"];
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Kept from another origin than the one that they were meant for: whatever is not known to hold no secret. */
const HARMLESS = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/**
 * Null where the answer is no redirect. As browsers do: 303, and 301 and 302 of a POST, become a GET. To another origin
 * go no headers but harmless ones, and no body.
 * @throws OutboundError for a redirect to nowhere, from https to http, or of a body to another origin
 */
export function nextRequest(hop: Hop, status: number, location: string | undefined): Hop | null {
  if (!REDIRECTS.has(status)) return null;
  const { url: from } = hop;
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new OutboundError("invalid", `${from.host} redirects to no URL`);
  }
  const url = new URL(location, from);
  if (from.protocol === "https:" && url.protocol === "http:") {
    throw new OutboundError("refused", `${from.host} redirects from https to http`);
  }
  const becomesGet = status === 303 ? hop.method !== "HEAD" : hop.method === "POST" && status < 303;
  const { method, body } = becomesGet ? { method: "GET" as const, body: undefined } : hop;
  if (url.origin === from.origin) return { ...hop, url, method, body };
  if (body !== undefined) {
    throw new OutboundError("refused", `${from.host} redirects a body to another host: give that URL itself`);
  }
  const headers = Object.fromEntries(Object.entries(hop.headers).filter(([name]) => HARMLESS.has(name)));
  return { url, method, headers, body };
}
