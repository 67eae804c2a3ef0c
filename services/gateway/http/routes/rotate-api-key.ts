import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { issuedKey, tenantParams, time } from "../schemas.ts";

const DAY = 86_400;

export const rotateApiKey = defineRoute({
  method: "post",
  path: "/api/v1/customers/{tenant_id}/api-keys/{key_id}/rotate",
  operationId: "rotateApiKey",
  summary: "Replace an API key by a new one",
  description:
    "The new key has the same scopes, and lives as long as the old one was given; its text is shown only in this " +
    "answer. The old key works for the grace time more, then no longer. To end it sooner, revoke it afterwards.",
  tag: "customers",
  who: "admin or tenant",
  scope: "admin",
  idempotent: true,
  params: tenantParams.extend({ key_id: z.string().min(1).max(128) }),
  body: z.strictObject({
    grace_seconds: z
      .int()
      .min(60)
      .max(7 * DAY)
      .default(DAY)
      .meta({ description: "For how long the old key still works: a minute to a week." }),
  }),
  success: {
    status: 201,
    description: "Rotated. Save the API key.",
    schema: issuedKey
      .extend({
        replaces: z
          .object({ key_id: z.string(), expires_at: time })
          .meta({ description: "The old key, and when it ceases to work." }),
      })
      .meta({ id: "RotatedApiKey" }),
  },
  problems: [401, 403, 404, 409, 422, 503],
  async handle({ gateway, caller, params, body, head }) {
    const answer = await gateway.rotateKey(caller, params.tenant_id, params.key_id, body, head);
    return { status: 201, body: answer.body, sent: answer.delivered };
  },
});
