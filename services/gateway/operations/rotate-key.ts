import { z } from "zod";
import { type AdminCaller, requireTenant, type TenantCaller } from "../access.ts";
import { commandMeta, idempotency, requester } from "../commands.ts";
import type { IssuedKey } from "./api-keys.ts";
import type { Context, RequestHead } from "./context.ts";
import { requireKnownTenant } from "./customers.ts";
import { type KeyAnswer, keyAnswer } from "./key-answer.ts";

export interface RotatedKey extends IssuedKey {
  /** The old key, and when it ceases to work. */
  replaces: { key_id: string; expires_at: string };
}

/** tenant-service's answer to RotateApiKey. */
const answer = z.object({
  scopes: z.array(z.string()),
  expires_at: z.string().nullable(),
  replaces: z.object({ key_id: z.string(), expires_at: z.string() }),
});

/**
 * Issues a key in place of another, of the same scopes; the other one works for `grace_seconds` more.
 * @throws ApiProblem 403, 404, 409 for a key that is not in force or is rotated already, 503
 */
export async function rotateKey(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
  keyId: string,
  request: { grace_seconds: number },
  head: RequestHead,
): Promise<KeyAnswer<RotatedKey>> {
  requireTenant(caller, tenantId);
  const tenant = requireKnownTenant(context, caller, tenantId);
  const granted = await context.replies.ask(
    {
      type: "RotateApiKey",
      meta: commandMeta(context.deps, tenantId),
      key_id: keyId,
      grace_ms: request.grace_seconds * 1_000,
      idempotency: idempotency(head.idempotencyKey, `api-keys/${keyId}/rotate`, request),
      reply_to: context.replies.replyTo,
      by: requester(caller, head.requestId),
    },
    head.trace,
  );
  return keyAnswer(context, tenantId, granted, ({ id, text }) => ({
    tenant_id: tenant.name,
    key_id: id,
    api_key: text,
    ...answer.parse(JSON.parse(granted.body)),
    message: "Save this API key: it is shown only once. Use it before the old one ends.",
  }));
}
