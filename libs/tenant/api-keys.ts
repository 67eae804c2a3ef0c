import type {
  ConfirmKeyDelivered,
  IssueApiKey,
  KeyState,
  RevokeApiKey,
  RotateApiKey,
} from "@convergence/contracts";
import { keyReused, rejected } from "./reject.ts";
import {
  IDEMPOTENCY_WINDOW_MS,
  isLive,
  keyOf,
  MAX_KEYS,
  type Tenant,
  type TenantFact,
  type TenantState,
} from "./state.ts";

/** Decides an IssueApiKey. A repeat with the same Idempotency-Key replaces the key that it asked for before. */
export function decideIssueKey(tenant: TenantState, command: IssueApiKey, keyId: string): TenantFact[] {
  if (tenant?.lifecycle === "SUSPENDED") {
    const detail = "The tenant is suspended: its keys stay as they are until it is resumed.";
    return [rejected(command, 403, "tenant-suspended", detail)];
  }
  if (tenant === null || tenant.lifecycle !== "ACTIVE") {
    return [rejected(command, 409, "tenant-not-active", "The tenant is not onboarded: onboard it first.")];
  }
  if (command.expires_at !== null && command.expires_at <= command.meta.at) {
    return [rejected(command, 422, "invalid-request", "expires_at lies in the past: send a later time.")];
  }
  const { scopes, expires_at } = command;
  return request(tenant, command, earlierOf(tenant, command), {
    key_id: keyId,
    scopes,
    expires_at,
    replaces: null,
    grace_ms: 0,
  });
}

/** The longest that a rotated key may live on, in milliseconds. */
export const MAX_GRACE_MS = 7 * 24 * 3_600_000;

/**
 * Decides a RotateApiKey: a new key of the same scopes, that lives as long as the old one was given. The old one ends a
 * grace time after the new one is in force, and not before. A repeat with the same Idempotency-Key replaces the new key.
 */
export function decideRotateKey(tenant: TenantState, command: RotateApiKey, keyId: string): TenantFact[] {
  const old = keyOf(tenant, command.key_id);
  if (tenant === null || old === undefined) return [noSuchKey(command)];
  const { at } = command.meta;
  const earlier = earlierOf(tenant, command);
  const again = earlier !== undefined && isLive(earlier);
  if (!again) {
    const successor = tenant.keys.find((key) => key.replaces === old.key_id && isLive(key));
    const by = successor?.key_id ?? old.replaced_by;
    if (by !== null) {
      const detail = `The key is replaced already, by ${by}: rotate that one, or issue a new key.`;
      return [rejected(command, 409, "key-rotated", detail)];
    }
    if (old.phase !== "ACTIVE" || (old.expires_at !== null && old.expires_at <= at)) {
      const detail = "The key is not in force: issue a new one.";
      return [rejected(command, 409, "key-not-active", detail)];
    }
  }
  const life = old.expires_at === null ? null : at + old.expires_at - old.created_at;
  return request(tenant, command, earlier, {
    key_id: keyId,
    scopes: old.scopes,
    expires_at: again ? earlier.expires_at : life,
    replaces: old.key_id,
    grace_ms: Math.min(Math.max(command.grace_ms, 0), MAX_GRACE_MS),
  });
}

type Asked = IssueApiKey | RotateApiKey;

/** The key that a command of the same Idempotency-Key asked for before. */
function earlierOf(tenant: Tenant, { idempotency, meta }: Asked): KeyState | undefined {
  if (idempotency === null) return undefined;
  // The last one: those that it replaced bear the same Idempotency-Key.
  return tenant.keys.findLast(
    ({ request }) =>
      request?.idempotency?.key === idempotency.key && meta.at - request.requested_at < IDEMPOTENCY_WINDOW_MS,
  );
}

/** A new key; it takes the place of the `earlier` one of the same Idempotency-Key, whose text may have got lost. */
function request(
  tenant: Tenant,
  command: Asked,
  earlier: KeyState | undefined,
  key: Pick<KeyState, "key_id" | "scopes" | "expires_at" | "replaces" | "grace_ms">,
): TenantFact[] {
  const { idempotency, reply_to, by } = command;
  if (earlier !== undefined && earlier.request?.idempotency?.body_hash !== idempotency?.body_hash) {
    return [keyReused(command)];
  }
  const again = earlier !== undefined && isLive(earlier);
  if (!again && tenant.keys.filter(isLive).length >= MAX_KEYS) {
    const detail = `The tenant has ${MAX_KEYS} keys that are not revoked: revoke those that are not used any more.`;
    return [rejected(command, 409, "too-many-keys", detail)];
  }
  const { command_id, at } = command.meta;
  const requested: TenantFact = {
    type: "KeyRequested",
    ...key,
    command_id,
    idempotency,
    requested_at: at,
    reply_to,
    by,
  };
  if (!again) return [requested];
  return [requested, { type: "KeyRevoked", command_id: null, key_id: earlier.key_id, reply_to: null, by }];
}

/** Decides a RevokeApiKey. Revoking again is answered like the first time. */
export function decideRevokeKey(tenant: TenantState, command: RevokeApiKey): TenantFact[] {
  const key = keyOf(tenant, command.key_id);
  if (key === undefined) return [noSuchKey(command)];
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
      by: command.by,
    },
  ];
}

function noSuchKey(command: RevokeApiKey | RotateApiKey): TenantFact {
  return rejected(command, 404, "key-not-found", "This tenant has no key of this id: list its keys.");
}

/** Decides a ConfirmKeyDelivered. */
export function decideDelivered(tenant: TenantState, command: ConfirmKeyDelivered): TenantFact[] {
  if (keyOf(tenant, command.key_id) === undefined) {
    return [rejected(command, 404, "key-not-found", "This tenant has no key of this id.")];
  }
  return [{ type: "KeyDelivered", command_id: command.meta.command_id, key_id: command.key_id }];
}
