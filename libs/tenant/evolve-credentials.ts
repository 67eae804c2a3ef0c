import type { CredentialRequested, CredentialState, CredentialStored } from "@convergence/contracts";
import { credentialOf, MAX_CREDENTIALS } from "./credentials.ts";
import { pendingReply, type Tenant } from "./state.ts";

/** Folds a request: what is asked for last stands last. */
export function credentialRequested(tenant: Tenant, event: CredentialRequested): Tenant {
  const { credential_id, name, provider, credential_type, sealed, sealing_key_id } = event;
  const credential: CredentialState = {
    credential_id,
    name,
    provider,
    credential_type,
    phase: "REQUESTED",
    sealed,
    sealing_key_id,
    encrypted: null,
    created_at: event.meta.at,
    updated_at: event.meta.at,
    request: pendingReply(event),
  };
  return { ...tenant, credentials: [...tenant.credentials, credential] };
}

/** It takes the place of the one in force; but not of one that was asked for after it and is stored already. */
export function credentialStored(tenant: Tenant, { credential_id, encrypted }: CredentialStored): Tenant {
  const at = tenant.credentials.findIndex((one) => one.credential_id === credential_id);
  const stored = tenant.credentials[at];
  if (stored?.phase !== "REQUESTED") return tenant;
  const before = credentialOf(tenant, stored.name);
  const overtaken = before !== undefined && tenant.credentials.indexOf(before) > at;
  return withCredentials(tenant, (one) => {
    if (one.credential_id === credential_id) {
      const created_at = before?.created_at ?? one.created_at;
      return { ...one, phase: overtaken ? "ENDED" : "ACTIVE", sealed: null, encrypted, created_at };
    }
    return one === before && !overtaken ? { ...one, phase: "ENDED" } : one;
  });
}

/** Its row is in the table, so the state need not keep the ciphertext. */
export function credentialRecorded(tenant: Tenant, credentialId: string): Tenant {
  return withCredentials(tenant, (one) =>
    one.credential_id === credentialId ? { ...one, encrypted: null } : one,
  );
}

/** What was not stored yet never will be. */
export function credentialDeleted(tenant: Tenant, name: string): Tenant {
  return withCredentials(tenant, (one) => {
    if (one.name !== name || one.phase === "DEAD") return one;
    const never = one.phase === "REQUESTED";
    return { ...one, phase: "ENDED", sealed: null, request: never ? unrepeatable(one) : one.request };
  });
}

/** Who asked, without the Idempotency-Key: a repeat with it begins anew. */
function unrepeatable({ request }: CredentialState): CredentialState["request"] {
  return request === null ? null : { ...request, idempotency: null };
}

/** It never was: a repeat with its Idempotency-Key begins anew. */
export function credentialFailed(tenant: Tenant, credentialId: string): Tenant {
  const unasked = withCredentials(tenant, (one) =>
    one.credential_id === credentialId ? { ...one, request: unrepeatable(one) } : one,
  );
  return credentialForgotten(unasked, credentialId);
}

/** It is gone; so are the oldest of those beyond the bound. */
export function credentialForgotten(tenant: Tenant, credentialId: string): Tenant {
  const now = withCredentials(tenant, (one) =>
    one.credential_id === credentialId ? { ...one, phase: "DEAD", sealed: null, encrypted: null } : one,
  );
  const dead = now.credentials.filter(
    ({ phase, credential_id: id }) => phase === "DEAD" && id !== credentialId,
  );
  const forgotten = new Set(dead.slice(0, Math.max(0, dead.length - MAX_CREDENTIALS + 1)));
  return forgotten.size === 0
    ? now
    : { ...now, credentials: now.credentials.filter((one) => !forgotten.has(one)) };
}

function withCredentials(tenant: Tenant, changed: (one: CredentialState) => CredentialState): Tenant {
  return { ...tenant, credentials: tenant.credentials.map(changed) };
}
