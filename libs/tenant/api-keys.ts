import type { ConfirmKeyDelivered, IssueApiKey, RevokeApiKey } from "@convergence/contracts";
import { keyReused, rejected } from "./reject.ts";
import {
  IDEMPOTENCY_WINDOW_MS,
  isLive,
  keyOf,
  MAX_KEYS,
  type TenantFact,
  type TenantState,
} from "./state.ts";

/** Decides an IssueApiKey. A repeat with the same Idempotency-Key replaces the key that it asked for before. */
export function decideIssueKey(tenant: TenantState, command: IssueApiKey, keyId: string): TenantFact[] {
  if (tenant === null || tenant.lifecycle !== "ACTIVE") {
    return [rejected(command, 409, "tenant-not-active", "The tenant is not onboarded: onboard it first.")];
  }
  if (command.expires_at !== null && command.expires_at <= command.meta.at) {
    return [rejected(command, 422, "invalid-request", "expires_at lies in the past: send a later time.")];
  }
  const { idempotency } = command;
  // The last one: those that it replaced bear the same Idempotency-Key.
  const earlier = tenant.keys.findLast(
    (key) =>
      idempotency !== null &&
      key.request?.idempotency?.key === idempotency.key &&
      command.meta.at - key.request.requested_at < IDEMPOTENCY_WINDOW_MS,
  );
  if (earlier !== undefined && earlier.request?.idempotency?.body_hash !== idempotency?.body_hash) {
    return [keyReused(command)];
  }
  const replaces = earlier !== undefined && isLive(earlier);
  if (!replaces && tenant.keys.filter(isLive).length >= MAX_KEYS) {
    const detail = `The tenant has ${MAX_KEYS} keys that are not revoked: revoke those that are not used any more.`;
    return [rejected(command, 409, "too-many-keys", detail)];
  }
  const request: TenantFact = {
    type: "KeyRequested",
    command_id: command.meta.command_id,
    key_id: keyId,
    scopes: command.scopes,
    expires_at: command.expires_at,
    idempotency,
    requested_at: command.meta.at,
    reply_to: command.reply_to,
  };
  if (!replaces) return [request];
  return [request, { type: "KeyRevoked", command_id: null, key_id: earlier.key_id, reply_to: null }];
}

/** Decides a RevokeApiKey. Revoking again is answered like the first time. */
export function decideRevokeKey(tenant: TenantState, command: RevokeApiKey): TenantFact[] {
  const key = keyOf(tenant, command.key_id);
  if (key === undefined) {
    return [rejected(command, 404, "key-not-found", "This tenant has no key of this id: list its keys.")];
  }
  if (key.phase === "REQUESTED" || key.phase === "ISSUED") {
    return [
      rejected(command, 409, "key-not-active", "The key is still being issued: try again in a moment."),
    ];
  }
  return [
    {
      type: "KeyRevoked",
      command_id: command.meta.command_id,
      key_id: key.key_id,
      reply_to: command.reply_to,
    },
  ];
}

/** Decides a ConfirmKeyDelivered. */
export function decideDelivered(tenant: TenantState, command: ConfirmKeyDelivered): TenantFact[] {
  if (keyOf(tenant, command.key_id) === undefined) {
    return [rejected(command, 404, "key-not-found", "This tenant has no key of this id.")];
  }
  return [{ type: "KeyDelivered", command_id: command.meta.command_id, key_id: command.key_id }];
}
