import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { tenantParams } from "../schemas.ts";

export const revokeApiKey = defineRoute({
  method: "delete",
  path: "/api/v1/customers/{tenant_id}/api-keys/{key_id}",
  operationId: "revokeApiKey",
  summary: "Revoke an API key",
  description:
    "Final. When it is answered, this gateway refuses the key; every other one that reaches the log does within a second.",
  tag: "customers",
  who: "admin or tenant",
  scope: "admin",
  params: tenantParams.extend({ key_id: z.string().min(1).max(128) }),
  success: { status: 204, description: "Revoked.", schema: null },
  problems: [401, 403, 404, 503],
  async handle({ gateway, caller, params, head }) {
    await gateway.revokeKey(caller, params.tenant_id, params.key_id, head);
    return { status: 204 };
  },
});
