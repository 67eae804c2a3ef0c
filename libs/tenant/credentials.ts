import type { CredentialState, DeleteCredential, Requester, SetCredential } from "@convergence/contracts";
import { keyReused, rejected } from "./reject.ts";
import { IDEMPOTENCY_WINDOW_MS, type Tenant, type TenantFact, type TenantState } from "./state.ts";

/** How many credentials a tenant may have, and how many that are gone are remembered. */
export const MAX_CREDENTIALS = 100;

/** How many may wait to be encrypted or put into the table: a tenant with them must stay one record. */
export const MAX_UNSETTLED_CREDENTIALS = 4;

/** The credential that is in force under a name. */
export function credentialOf(
  tenant: Pick<Tenant, "credentials"> | null,
  name: string,
): CredentialState | undefined {
  return tenant?.credentials.find((one) => one.name === name && one.phase === "ACTIVE");
}

/**
 * Decides a SetCredential. What was carried out for the same Idempotency-Key is answered again and not stored again, so
 * that a late repeat undoes nothing that came after it.
 */
export function decideSetCredential(
  tenant: TenantState,
  command: SetCredential,
  credentialId: string,
): TenantFact[] {
  if (tenant === null || tenant.lifecycle !== "ACTIVE") {
    return [
      rejected(command, 409, "tenant-not-active", "The tenant is not active: onboard or resume it first."),
    ];
  }
  const { name, provider, credential_type, idempotency, reply_to, by } = command;
  const { command_id, at } = command.meta;
  const earlier = earlierOf(tenant, command);
  if (earlier !== undefined) {
    if (earlier.request?.idempotency?.body_hash !== idempotency?.body_hash) return [keyReused(command)];
    return [{ type: "CredentialRepeated", command_id, credential_id: earlier.credential_id, reply_to }];
  }
  const refusal = refusalOf(tenant, name);
  if (refusal !== null) return [rejected(command, refusal.status, refusal.reason, refusal.detail)];
  return [
    {
      type: "CredentialRequested",
      command_id,
      credential_id: credentialId,
      name,
      provider,
      credential_type,
      sealed: command.sealed,
      sealing_key_id: command.sealing_key_id,
      idempotency,
      requested_at: at,
      reply_to,
      by,
    },
  ];
}

function refusalOf(
  { credentials }: Tenant,
  name: string,
): { status: number; reason: string; detail: string } | null {
  const others = credentials.filter((one) => isLive(one) && one.name !== name);
  if (new Set(others.map((one) => one.name)).size >= MAX_CREDENTIALS) {
    const detail = `The tenant has ${MAX_CREDENTIALS} credentials: delete those that are not used any more.`;
    return { status: 409, reason: "too-many-credentials", detail };
  }
  if (credentials.filter(isUnsettled).length >= MAX_UNSETTLED_CREDENTIALS) {
    const detail = "Several credentials of this tenant are still being stored: repeat in a moment.";
    return { status: 503, reason: "credentials-unsettled", detail };
  }
  return null;
}

function earlierOf(tenant: Tenant, { idempotency, meta }: SetCredential): CredentialState | undefined {
  if (idempotency === null) return undefined;
  return tenant.credentials.findLast(
    ({ request }) =>
      request?.idempotency?.key === idempotency.key && meta.at - request.requested_at < IDEMPOTENCY_WINDOW_MS,
  );
}

/** Decides a DeleteCredential: one that is still being stored goes too. */
export function decideDeleteCredential(tenant: TenantState, command: DeleteCredential): TenantFact[] {
  const { name, reply_to, by, meta } = command;
  if (tenant === null || !tenant.credentials.some((one) => one.name === name && isLive(one))) {
    const detail = "This tenant has no credential of this name: list its credentials.";
    return [rejected(command, 404, "credential-not-found", detail)];
  }
  return [{ type: "CredentialDeleted", command_id: meta.command_id, name, reply_to, by }];
}

/** What ends all of a tenant's credentials: with its dataset, or with itself. */
export function credentialDeletions(tenant: Tenant, by: Requester | null): TenantFact[] {
  const names = new Set(tenant.credentials.filter(isLive).map(({ name }) => name));
  return [...names].map((name) => ({
    type: "CredentialDeleted",
    command_id: null,
    name,
    reply_to: null,
    by,
  }));
}

/** In force, or about to be. */
function isLive({ phase }: CredentialState): boolean {
  return phase === "REQUESTED" || phase === "ACTIVE";
}

function isUnsettled({ phase, encrypted }: CredentialState): boolean {
  return phase === "REQUESTED" || (phase !== "DEAD" && encrypted !== null);
}
