import { defineRoute } from "../define-route.ts";
import { customer, tenantParams } from "../schemas.ts";

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
    schema: customer,
  },
  problems: [401, 403, 404],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.customer(caller, params.tenant_id) };
  },
});
