import { parseApiKey } from "@convergence/keys/api-key.ts";
import type { Clock } from "@convergence/runtime/clock.ts";
import { ApiProblem, foreignTenant, unauthenticated, unavailable } from "./problem.ts";
import { type KeysView, keyStatus } from "./views/keys.ts";

export const SCOPES = ["run", "read", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** Who asks, proved by an API key. */
export interface TenantCaller {
  kind: "tenant";
  /** In lower case. */
  tenantId: string;
  /** As it was onboarded. */
  tenantName: string;
  keyId: string;
  scopes: readonly string[];
}

/** The platform's operator. */
export interface AdminCaller {
  kind: "admin";
}

/** Someone on this machine, while onboarding is open there: may onboard a new tenant, nothing else. */
export interface LocalCaller {
  kind: "local";
}

/**
 * Who bears this key. Hashes and looks up in every case, so that all refusals look and last alike.
 * @throws ApiProblem 401 for a key that does not let in; 503 while that cannot be told.
 */
export function authenticate(keys: KeysView, clock: Clock, apiKey: string | undefined): TenantCaller {
  const text = apiKey ?? "";
  const tenantId = parseApiKey(text)?.tenantId.toLowerCase();
  const known = keys.find(text);
  if (keys.follower.state === "starting") {
    throw starting();
  }
  if (known === undefined && keys.follower.state === "stale" && tenantId !== undefined) {
    throw unavailable(
      "keys-stale",
      "The gateway cannot reach the log, and this key may be new: repeat later.",
    );
  }
  if (known === undefined || tenantId !== known.record.tenant_id) throw unauthenticated();
  if (keyStatus(known, clock.now()) !== "ACTIVE") throw unauthenticated();
  const { key_id, tenant_name, scopes } = known.record;
  return { kind: "tenant", tenantId, tenantName: tenant_name, keyId: key_id, scopes };
}

/** @throws ApiProblem 403 when the caller's key lacks the scope; for null, whatever it has. */
export function requireScope(caller: TenantCaller, scope: Scope | null): void {
  if (scope !== null && caller.scopes.includes(scope)) return;
  throw new ApiProblem(
    403,
    "insufficient-scope",
    `This API key lacks the scope ${scope ?? "of operators"}: use one that has it, or have one issued.`,
  );
}

/** @throws ApiProblem 403 when a tenant's key is used on another tenant's path. */
export function requireTenant(caller: TenantCaller | AdminCaller, tenantId: string): void {
  if (caller.kind === "tenant" && caller.tenantId !== tenantId.toLowerCase()) throw foreignTenant();
}

/** 503: the views are not what they will be; nothing may be concluded from them. */
export function starting(): ApiProblem {
  return unavailable("starting", "The gateway is catching up with the log: repeat in a moment.");
}
