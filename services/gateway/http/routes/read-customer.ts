import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { listedKey, tenantParams, time } from "../schemas.ts";

export const readCustomer = defineRoute({
  method: "get",
  path: "/api/v1/customers/{tenant_id}",
  operationId: "getCustomer",
  summary: "A customer's state, quota, usage and keys",
  description: "Keys are listed by id; no key's text is ever returned.",
  tag: "customers",
  who: "admin or tenant",
  scope: "read",
  params: tenantParams,
  success: {
    status: 200,
    description: "The customer.",
    schema: z
      .object({
        tenant_id: z.string(),
        state: z.enum(["ONBOARDING", "ACTIVE", "SUSPENDED", "OFFBOARDED"]),
        tier: z.string(),
        created_at: time,
        updated_at: time,
        quota: z.object({
          max_pipelines_per_month: z.int().nullable(),
          max_concurrent_pipelines: z.int().nullable(),
        }),
        usage: z.object({ pipelines_this_month: z.int(), running_pipelines: z.int() }),
        api_keys: z.array(listedKey),
      })
      .meta({ id: "Customer" }),
  },
  problems: [401, 403, 404],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.customer(caller, params.tenant_id) };
  },
});
