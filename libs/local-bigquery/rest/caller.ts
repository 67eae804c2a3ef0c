import type { IncomingMessage } from "node:http";
import { isIPv4 } from "node:net";
import { BigQueryError } from "../errors.ts";

/**
 * Refuses requests that a web page may have made. Nothing is authenticated here, so a page in a browser on this machine
 * must not reach it: browsers put Origin on what a page sends to another host, which no BigQuery client does; and a page
 * whose name was pointed at this address (DNS rebinding) gives its own name as Host. The address that the request came in
 * at is no such name: it is let through, for listening on all addresses.
 */
export function checkCaller({ headers, socket }: IncomingMessage, listeningHost: string): void {
  if (headers.origin !== undefined)
    throw new BigQueryError(
      "accessDenied",
      "Access Denied: requests from web pages (Origin header) are refused",
    );
  const host = hostName(headers.host ?? "");
  const own = [listeningHost.toLowerCase(), socket.localAddress?.replace(/^::ffff:/, "")];
  if (!own.includes(host) && !isLoopback(host))
    throw new BigQueryError(
      "accessDenied",
      `Access Denied: Host "${host}" is neither a loopback name nor the host that this endpoint listens on`,
    );
}

/** The name of a Host header without its port, in lower case; "[::1]:80" gives "::1". */
function hostName(header: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(header) ?? [];
  return (bracketed ?? plain ?? "").toLowerCase();
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
