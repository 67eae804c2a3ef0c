import { type AdminCaller, requireTenant, type Scope, type TenantCaller } from "../access.ts";
import { commandMeta, idempotency, requester } from "../commands.ts";
import { invalidField, unavailable } from "../problem.ts";
import { type KeyStatus, type KnownKey, keyStatus } from "../views/keys.ts";
import { type Context, OWN_VIEW_MS, type RequestHead } from "./context.ts";
import { requireKnownTenant } from "./customers.ts";
import { type KeyAnswer, keyAnswer } from "./key-answer.ts";

/** A key as it is listed: never its text. Times are ISO 8601 in UTC. */
export interface ListedKey {
  key_id: string;
  scopes: readonly string[];
  status: KeyStatus;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

export interface IssuedKey {
  tenant_id: string;
  key_id: string;
  api_key: string;
  scopes: readonly string[];
  expires_at: string | null;
  message: string;
}

/** A tenant's keys, oldest first. @throws ApiProblem 403, 404 */
export function listKeys(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
): { tenant_id: string; api_keys: ListedKey[] } {
  requireTenant(caller, tenantId);
  const tenant = requireKnownTenant(context, caller, tenantId);
  return { tenant_id: tenant.name, api_keys: keysOf(context, tenantId) };
}

export function keysOf(context: Context, tenantId: string): ListedKey[] {
  const now = context.deps.clock.now();
  return context.keys.ofTenant(tenantId.toLowerCase()).map((key) => listed(key, now));
}

/**
 * Issues a further key, in force on this gateway when it is answered.
 * @throws ApiProblem 403 for more than the caller's own scopes, 404, 409, 422, 503
 */
export async function issueKey(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
  request: { scopes: Scope[]; expires_at: string | null },
  head: RequestHead,
): Promise<KeyAnswer<IssuedKey>> {
  requireTenant(caller, tenantId);
  const tenant = requireKnownTenant(context, caller, tenantId);
  const expires = request.expires_at === null ? null : Date.parse(request.expires_at);
  if (expires !== null && expires <= context.deps.clock.now()) {
    throw invalidField("expires_at", "lies in the past: send a later time, or leave it out");
  }
  const granted = await context.replies.ask(
    {
      type: "IssueApiKey",
      meta: commandMeta(context.deps, tenantId),
      scopes: request.scopes,
      expires_at: expires,
      idempotency: idempotency(head.idempotencyKey, "api-keys", request),
      reply_to: context.replies.replyTo,
      by: requester(caller, head.requestId),
    },
    head.trace,
  );
  return keyAnswer(context, tenantId, granted, ({ id, text }) => ({
    tenant_id: tenant.name,
    key_id: id,
    api_key: text,
    scopes: request.scopes,
    expires_at: expires === null ? null : new Date(expires).toISOString(),
    message: "Save this API key: it is shown only once.",
  }));
}

/**
 * Revokes a key; when this returns, this gateway refuses it. Revoking again is no error.
 * @throws ApiProblem 403 for a key with more scopes than the caller's, 404, 503 when the log is away
 */
export async function revokeKey(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
  keyId: string,
  head: RequestHead,
): Promise<void> {
  requireTenant(caller, tenantId);
  requireKnownTenant(context, caller, tenantId);
  await context.replies.ask(
    {
      type: "RevokeApiKey",
      meta: commandMeta(context.deps, tenantId),
      key_id: keyId,
      reply_to: context.replies.replyTo,
      by: requester(caller, head.requestId),
    },
    head.trace,
  );
  if (await context.keys.waitForRevocation(keyId, OWN_VIEW_MS)) return;
  throw unavailable(
    "revocation-not-seen",
    "The key is revoked, but this gateway has not read it yet: repeat to hear when it has.",
  );
}

function listed(known: KnownKey, now: number): ListedKey {
  const { record, revokedAt } = known;
  const { key_id, scopes, created_at, expires_at } = record;
  return {
    key_id,
    scopes,
    status: keyStatus(known, now),
    created_at: new Date(created_at).toISOString(),
    expires_at: expires_at === null ? null : new Date(expires_at).toISOString(),
    revoked_at: revokedAt === null ? null : new Date(revokedAt).toISOString(),
  };
}
