import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { issuedKey, scope, tenantParams } from "../schemas.ts";

export const issueApiKey = defineRoute({
  method: "post",
  path: "/api/v1/customers/{tenant_id}/api-keys",
  operationId: "issueApiKey",
  summary: "Issue a further API key",
  description:
    "The key's text is shown only in this answer. Unless told otherwise it may run and read, and manages no keys.",
  tag: "customers",
  who: "admin or tenant",
  scope: "admin",
  idempotent: true,
  params: tenantParams,
  body: z.strictObject({
    scopes: z
      .array(scope)
      .min(1, "at least one scope")
      .refine((scopes) => new Set(scopes).size === scopes.length, "each scope once")
      .default(["run", "read"]),
    expires_at: z.iso
      .datetime({ offset: true, error: "an RFC 3339 time, such as 2027-01-31T00:00:00Z" })
      .nullable()
      .default(null)
      .meta({ description: "When the key ceases to work; null: never.", example: "2027-01-31T00:00:00Z" }),
  }),
  success: {
    status: 201,
    description: "Issued. Save the API key.",
    schema: issuedKey.meta({ id: "IssuedApiKey" }),
  },
  problems: [401, 403, 404, 409, 422, 503],
  async handle({ gateway, caller, params, body, head }) {
    const answer = await gateway.issueKey(caller, params.tenant_id, body, head);
    return { status: 201, body: answer.body, sent: answer.delivered };
  },
});
