/** Judges the address that a connection goes to, before it is made and once it is. */
import { lookup as systemLookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { type AllowedRanges, mayAsk } from "./addresses.ts";
import { OutboundError } from "./errors.ts";

/** All addresses of a name. */
export type Lookup = (hostname: string) => Promise<readonly { address: string; family: number }[]>;

export const lookupAll: Lookup = (hostname) => systemLookup(hostname, { all: true });

/**
 * A connector that goes to addresses that may be asked alone. A name is looked up once for a connection, and what was
 * judged is what is connected to, so that an answer that changes changes nothing. Node looks up no literal address:
 * it is judged before.
 */
export function guardedConnector(
  allowed: AllowedRanges,
  lookup: Lookup,
  connectMs: number,
): buildConnector.connector {
  const connect = buildConnector({
    timeout: connectMs,
    allowH2: false,
    autoSelectFamily: true,
    lookup: guardedLookup(allowed, lookup),
  });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !mayAsk(host, allowed)) return callback(refusal(host), null);
    connect(options, (error, socket) => {
      if (error !== null) return callback(error, null);
      if (mayAsk(socket.remoteAddress ?? "", allowed)) return callback(null, socket);
      socket.destroy();
      callback(refusal(host), null);
    });
  };
}

function guardedLookup(allowed: AllowedRanges, lookup: Lookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname).then(
      (found) => {
        const [first] = found;
        if (first === undefined) callback(notFound(hostname), "");
        // One that may not be asked among others is no accident: none of them is.
        else if (!found.every(({ address }) => mayAsk(address, allowed))) callback(refusal(hostname), "");
        else if (options.all === true) callback(null, [...found]);
        else callback(null, first.address, first.family);
      },
      () => callback(notFound(hostname), ""),
    );
  };
}

function refusal(host: string): OutboundError {
  return new OutboundError(
    "refused",
    `${host} is, or leads to, an address that is not public: only public ones may be asked`,
  );
}

function notFound(host: string): OutboundError {
  return new OutboundError("unreachable", `the name ${host} has no address`);
}
