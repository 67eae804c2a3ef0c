import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Gateway } from "../gateway.ts";
import { ApiProblem } from "../problem.ts";
import type { Callers, Guard, Who } from "./route.ts";

export interface AccessOptions {
  /** What X-Admin-Key must be; null: no one is admin. */
  adminKey: string | null;
  /** Lets requests from this machine onboard new tenants without the admin key. For a gateway on loopback only. */
  openOnboarding: boolean;
}

/** Learns from a request's headers who asks. */
export function guardOf(gateway: Gateway, options: AccessOptions, headers: IncomingHttpHeaders): Guard {
  const admin = headers["x-admin-key"];
  const isAdmin = typeof admin === "string" && options.adminKey !== null && sameText(admin, options.adminKey);
  const learn: { [W in Who]: () => Callers[W] } = {
    open: () => null,
    tenant: () => gateway.authenticate(only(headers["x-api-key"])),
    admin: () => {
      if (!isAdmin) throw wrongAdminKey();
      return { kind: "admin" };
    },
    "admin or tenant": () => {
      if (admin === undefined) return gateway.authenticate(only(headers["x-api-key"]));
      if (!isAdmin) throw wrongAdminKey();
      return { kind: "admin" };
    },
    "admin or local": () => {
      if (isAdmin) return { kind: "admin" };
      if (admin === undefined && options.openOnboarding && isLocal(headers)) return { kind: "local" };
      throw wrongAdminKey();
    },
  };
  return <W extends Who>(who: W) => learn[who]();
}

/**
 * True for a request that a web page elsewhere cannot have made, though a browser here sent it: it names this
 * machine as host (a rebound name does not), and comes from no page or from one of this very origin.
 */
function isLocal({ host, origin }: IncomingHttpHeaders): boolean {
  if (host === undefined || !/^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host)) return false;
  return origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
}

/** Compares in constant time, whatever the lengths. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function only(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : undefined;
}

function wrongAdminKey(): ApiProblem {
  return new ApiProblem(
    401,
    "admin-key-required",
    "Send the platform's admin key in the X-Admin-Key header.",
  );
}
