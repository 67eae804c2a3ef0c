import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { limit, tenantParams, time } from "../schemas.ts";

const entry = z
  .object({
    at: time,
    actor: z.string().meta({
      description: "admin, local, key: and an API key's id, or platform for what it does by itself.",
      example: "key:550e8400-e29b-41d4-a716-446655440000",
    }),
    action: z.string().meta({ example: "api-key.rotate" }),
    key_id: z.string().nullable().meta({ description: "The API key that it was done to." }),
    credential: z.string().nullable().meta({ description: "The credential that it was done to, by name." }),
    outcome: z.enum(["accepted", "refused", "done", "failed"]),
    reason: z.string().nullable().meta({ description: "Why it was refused or failed.", example: null }),
    request_id: z.string().nullable().meta({ description: "X-Request-Id of the request that asked." }),
  })
  .meta({ id: "AuditEntry" });

export const readAudit = defineRoute({
  method: "get",
  path: "/api/v1/customers/{tenant_id}/audit",
  operationId: "readAuditLog",
  summary: "What was done to a customer, its API keys and credentials",
  description:
    "Newest first, from the beginning: who asked for what, when, in which request, and what came of it. Nothing is ever " +
    "changed or removed. Send `next_cursor` as `cursor` for what comes next.",
  tag: "customers",
  who: "admin or tenant",
  scope: "read",
  params: tenantParams,
  query: z.strictObject({
    limit,
    cursor: z.string().max(256).optional().meta({ description: "next_cursor of the page before." }),
  }),
  success: {
    status: 200,
    description: "A page of entries.",
    schema: z.object({
      tenant_id: z.string(),
      entries: z.array(entry),
      next_cursor: z.string().nullable().meta({ description: "null: these were the last." }),
    }),
  },
  problems: [401, 403, 404, 422],
  async handle({ gateway, caller, params, query }) {
    const { limit, cursor = null } = query;
    return { status: 200, body: await gateway.audit(caller, params.tenant_id, { limit, cursor }) };
  },
});
