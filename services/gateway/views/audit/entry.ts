import type { Requester, TenantCommandRejected } from "@convergence/contracts";
import type { TenantEvent } from "@convergence/tenant";

/** One thing that was done, or refused, of what the log of tenants tells. */
export interface AuditEntry {
  /** `admin`, `local`, `key:` and an API key's id, or `platform` for what it does by itself. */
  actor: string;
  action: string;
  /** The API key, by id, that it was done to; null for the tenant itself. */
  key_id: string | null;
  /** The credential, by name, that it was done to; null for anything else. */
  credential: string | null;
  outcome: "accepted" | "refused" | "done" | "failed";
  /** Why it was refused or failed; null otherwise. */
  reason: string | null;
  /** X-Request-Id of the request that asked; null where none did. */
  request_id: string | null;
}

const COMMANDS: Readonly<Record<string, string>> = {
  OnboardTenant: "tenant.onboard",
  UpdateTenant: "tenant.update",
  IssueApiKey: "api-key.issue",
  RotateApiKey: "api-key.rotate",
  RevokeApiKey: "api-key.revoke",
  ConfirmKeyDelivered: "api-key.deliver",
  SetCredential: "credential.set",
  DeleteCredential: "credential.delete",
};

/** What an event means to those who look after the tenant; null for a step on the way. Pure. */
export function auditEntry(event: TenantEvent): AuditEntry | null {
  switch (event.type) {
    case "OnboardingAccepted":
      return asked(event.by, onboarding(event), event.key_id);
    case "OnboardingResumed":
      return asked(event.by, "tenant.onboard", null);
    case "TenantCommandRejected":
      return { ...asked(event.by, actionOf(event), null), outcome: "refused", reason: event.reason };
    case "OldStateCleared":
      return done("tenant.clear", null);
    case "OnboardingFinished":
      return done("tenant.onboard", null);
    case "OnboardingFailed":
      return { ...done("tenant.onboard", null), outcome: "failed", reason: event.reason };
    case "TenantUpdated":
      return asked(event.by, event.action, null);
    case "KeyRequested":
      return event.replaces === null
        ? asked(event.by, "api-key.issue", event.key_id)
        : asked(event.by, "api-key.rotate", event.replaces);
    case "KeyActivated":
      return done("api-key.activate", event.key_id);
    case "KeyFailed":
      return { ...done("api-key.activate", event.key_id), outcome: "failed", reason: event.reason };
    case "KeyDelivered":
      return done("api-key.deliver", event.key_id);
    case "KeyRevoked":
      return asked(event.by, "api-key.revoke", event.key_id);
    case "CredentialRequested":
    case "CredentialDeleted": {
      const action = event.type === "CredentialDeleted" ? "credential.delete" : "credential.set";
      return { ...asked(event.by, action, null), credential: event.name };
    }
    case "CredentialStored":
      return { ...done("credential.set", null), credential: event.name };
    case "CredentialFailed": {
      const { name: credential, reason } = event;
      return { ...done("credential.set", null), credential, outcome: "failed", reason };
    }
    case "CredentialRepeated":
    case "CredentialRecorded":
    case "CredentialForgotten":
    case "DatasetProvisioned":
    case "TablesProvisioned":
    case "KeyIssued":
    case "KeyEndAnnounced":
    case "KeyRevocationAnnounced":
    case "ValidationRequested":
    case "TenantRecorded":
      return null;
  }
}

function onboarding(flags: { force_recreate_dataset: boolean; force_recreate_tables: boolean }): string {
  if (flags.force_recreate_dataset) return "tenant.recreate-dataset";
  return flags.force_recreate_tables ? "tenant.recreate-tables" : "tenant.onboard";
}

function actionOf({ command }: TenantCommandRejected): string {
  return COMMANDS[command] ?? "unknown";
}

function asked(by: Requester | null, action: string, keyId: string | null): AuditEntry {
  const { actor, request_id } = by ?? { actor: "platform", request_id: null };
  return { actor, action, key_id: keyId, credential: null, outcome: "accepted", reason: null, request_id };
}

function done(action: string, keyId: string | null): AuditEntry {
  return { ...asked(null, action, keyId), outcome: "done" };
}
