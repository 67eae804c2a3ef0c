import type {
  KeyIssued,
  KeyRequested,
  KeyState,
  OnboardingAccepted,
  OnboardingState,
  PendingReply,
} from "@convergence/contracts";
import {
  credentialDeleted,
  credentialFailed,
  credentialForgotten,
  credentialRecorded,
  credentialRequested,
  credentialStored,
} from "./evolve-credentials.ts";
import {
  keyOf,
  MAX_KEYS,
  NEW_TENANT,
  pendingReply,
  type Tenant,
  type TenantEvent,
  type TenantState,
} from "./state.ts";
import { updated } from "./update.ts";

/** Folds an event into a tenant. Pure; never fails on a counted event. */
export function evolve(tenant: TenantState, event: TenantEvent): TenantState {
  if (event.type === "OnboardingAccepted") return accepted(tenant, event);
  if (tenant === null) return null;
  const { at } = event.meta;
  // Never back, and further with each change of the tenant itself: by it the platform's table knows the newer one.
  const least = tenant.updated_at + (event.type === "TenantUpdated" ? 1 : 0);
  return { ...change(tenant, event), updated_at: Math.max(at, least) };
}

function change(tenant: Tenant, event: Exclude<TenantEvent, OnboardingAccepted>): Tenant {
  switch (event.type) {
    case "TenantCommandRejected":
      return tenant;
    case "OnboardingResumed":
      return onboarding(tenant, (now) => ({
        pending: [...now.pending.slice(1 - MAX_KEYS), pendingReply(event)],
      }));
    case "OldStateCleared":
      return onboarding(tenant, () => ({ phase: "DATASET" }));
    case "DatasetProvisioned":
      return onboarding(tenant, () => ({ phase: "TABLES", dataset_created: event.created }));
    case "TablesProvisioned":
      return withOnboardingKey(
        onboarding(tenant, () => ({ phase: "KEY", tables_created: event.tables })),
        event.meta.at,
      );
    case "KeyRequested":
      return { ...tenant, keys: [...tenant.keys, requestedKey(event)] };
    case "KeyIssued":
      return withKey(tenant, event.key_id, (key) => issued(key, event));
    case "KeyActivated":
      return activated(tenant, event.key_id, event.meta.at);
    case "KeyEndAnnounced":
      return withKey(tenant, event.key_id, (key) => ({ ...key, end_untold: false }));
    case "KeyFailed":
      return forgetDead(
        withKey(tenant, event.key_id, (key) => (key.phase === "REQUESTED" ? { ...key, phase: "DEAD" } : key)),
        event.key_id,
      );
    case "KeyRevoked":
      return withKey(tenant, event.key_id, (key) => ({
        ...key,
        phase: key.phase === "DEAD" ? "DEAD" : "REVOKED",
        revoked_at: key.revoked_at ?? event.meta.at,
        revocations: key.phase === "DEAD" ? key.revocations : waiting(key, event),
      }));
    case "KeyRevocationAnnounced":
      return forgetDead(
        withKey(tenant, event.key_id, (key) => ({ ...key, phase: "DEAD", encrypted: null })),
        event.key_id,
      );
    case "KeyDelivered":
      return withKey(tenant, event.key_id, (key) => ({ ...key, delivered: true, encrypted: null }));
    case "ValidationRequested":
      return onboarding(tenant, () => ({ log_partition: event.log_partition, log_offset: event.log_offset }));
    case "OnboardingFinished":
      return {
        ...onboarding(tenant, () => ({ phase: "DONE", dryrun_status: event.dryrun_status })),
        lifecycle: tenant.suspended_at === null ? "ACTIVE" : "SUSPENDED",
      };
    case "OnboardingFailed":
      return onboarding(tenant, () => ({ phase: "FAILED" }));
    case "CredentialRequested":
      return credentialRequested(tenant, event);
    case "CredentialRepeated":
      return tenant;
    case "CredentialStored":
      return credentialStored(tenant, event);
    case "CredentialRecorded":
      return credentialRecorded(tenant, event.credential_id);
    case "CredentialDeleted":
      return credentialDeleted(tenant, event.name);
    case "CredentialFailed":
      return credentialFailed(tenant, event.credential_id);
    case "CredentialForgotten":
      return credentialForgotten(tenant, event.credential_id);
    case "TenantUpdated":
      return updated(tenant, event);
    case "TenantRecorded":
      return event.of_version < (tenant.unrecorded ?? 0) ? tenant : { ...tenant, unrecorded: null };
  }
}

function accepted(tenant: TenantState, event: OnboardingAccepted): Tenant {
  const { at, tenant_id } = event.meta;
  const force = event.force_recreate_dataset || event.force_recreate_tables;
  const fresh: OnboardingState = {
    pending: [pendingReply(event)],
    phase: force ? "CLEAR" : "DATASET",
    force_recreate_dataset: event.force_recreate_dataset,
    force_recreate_tables: event.force_recreate_tables,
    key_id: event.key_id,
    run_id: event.run_id,
    dataset_created: false,
    tables_created: [],
    log_partition: -1,
    log_offset: -1,
    dryrun_status: null,
    started_at: at,
    trace: event.trace,
  };
  return {
    ...(tenant ?? { ...NEW_TENANT, tier: event.tier, created_at: at }),
    tenant_id,
    tenant_name: event.tenant_name,
    updated_at: at,
    onboarding: fresh,
  };
}

function onboarding(tenant: Tenant, changes: (now: OnboardingState) => Partial<OnboardingState>): Tenant {
  const now = tenant.onboarding;
  return now === null ? tenant : { ...tenant, onboarding: { ...now, ...changes(now) } };
}

function withKey(tenant: Tenant, keyId: string, changed: (key: KeyState) => KeyState): Tenant {
  return { ...tenant, keys: tenant.keys.map((key) => (key.key_id === keyId ? changed(key) : key)) };
}

/** Drops the oldest dead keys beyond the bound, so that a tenant stays one record; never the one that just died. */
function forgetDead(tenant: Tenant, justDied: string): Tenant {
  const dead = tenant.keys.filter(({ phase, key_id }) => phase === "DEAD" && key_id !== justDied);
  const forgotten = new Set(dead.slice(0, Math.max(0, dead.length - MAX_KEYS + 1)));
  return forgotten.size === 0
    ? tenant
    : { ...tenant, keys: tenant.keys.filter((key) => !forgotten.has(key)) };
}

function withOnboardingKey(tenant: Tenant, at: number): Tenant {
  if (tenant.onboarding === null) return tenant;
  const { key_id } = tenant.onboarding;
  if (tenant.keys.some((key) => key.key_id === key_id)) return tenant;
  return {
    ...tenant,
    keys: [...tenant.keys, newKey({ key_id, scopes: ["run", "read", "admin"], expires_at: null, at })],
  };
}

function requestedKey(event: KeyRequested): KeyState {
  const { key_id, scopes, expires_at, replaces, grace_ms } = event;
  const key = newKey({ key_id, scopes, expires_at, at: event.meta.at });
  return { ...key, replaces, grace_ms, request: pendingReply(event) };
}

function newKey(key: Pick<KeyState, "key_id" | "scopes" | "expires_at"> & { at: number }): KeyState {
  return {
    key_id: key.key_id,
    phase: "REQUESTED",
    hash: null,
    encrypted: null,
    scopes: key.scopes,
    created_at: key.at,
    expires_at: key.expires_at,
    revoked_at: null,
    delivered: false,
    request: null,
    revocations: [],
    replaces: null,
    grace_ms: 0,
    replaced_by: null,
    end_untold: false,
  };
}

function issued(key: KeyState, event: KeyIssued): KeyState {
  if (key.phase !== "REQUESTED") return key;
  return { ...key, phase: "ISSUED", hash: event.hash, encrypted: event.encrypted };
}

function activated(tenant: Tenant, keyId: string, at: number): Tenant {
  const key = keyOf(tenant, keyId);
  const inForce = withKey(tenant, keyId, (now) =>
    now.phase === "ISSUED" ? { ...now, phase: "ACTIVE" } : now,
  );
  const active =
    key?.phase === "ISSUED" && key.replaces !== null ? retired(inForce, key, key.replaces, at) : inForce;
  const ofOnboarding = active.onboarding?.phase === "KEY" && active.onboarding.key_id === keyId;
  return ofOnboarding ? onboarding(active, () => ({ phase: "VALIDATE" })) : active;
}

/** The key that was rotated ends after its grace time; one that ends sooner anyway keeps to that. */
function retired(tenant: Tenant, { key_id, grace_ms }: KeyState, old: string, at: number): Tenant {
  return withKey(tenant, old, (key) => ({
    ...key,
    replaced_by: key_id,
    expires_at: Math.min(key.expires_at ?? Number.POSITIVE_INFINITY, at + grace_ms),
    end_untold: true,
  }));
}

/** Who waits for a revocation, with the one who asks for it now; the oldest give way. */
function waiting(key: KeyState, event: Extract<TenantEvent, { type: "KeyRevoked" }>): PendingReply[] {
  const { command_id, reply_to } = event;
  if (command_id === null || reply_to === null) return key.revocations;
  const asked = { command_id, reply_to, idempotency: null, requested_at: event.meta.at };
  return [...key.revocations.slice(1 - MAX_KEYS), asked];
}
