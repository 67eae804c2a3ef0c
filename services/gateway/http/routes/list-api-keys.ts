import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { listedKey, tenantParams } from "../schemas.ts";

export const listApiKeys = defineRoute({
  method: "get",
  path: "/api/v1/customers/{tenant_id}/api-keys",
  operationId: "listApiKeys",
  summary: "List a customer's API keys",
  description: "Ids, scopes and states, oldest first; no key's text.",
  tag: "customers",
  who: "admin or tenant",
  scope: "read",
  params: tenantParams,
  success: {
    status: 200,
    description: "The keys.",
    schema: z.object({ tenant_id: z.string(), api_keys: z.array(listedKey) }),
  },
  problems: [401, 403, 404],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.listKeys(caller, params.tenant_id) };
  },
});
