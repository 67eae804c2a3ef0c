import { TIERS } from "@convergence/tenant";
import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { customer, tenantParams } from "../schemas.ts";

/** The largest limit that may be given. */
const MOST = 1_000_000_000;

export const updateCustomer = defineRoute({
  method: "patch",
  path: "/api/v1/customers/{tenant_id}",
  operationId: "updateCustomer",
  summary: "Change tier and quotas of a customer, suspend or resume it",
  description:
    "What is left out stays. A limit of null is the tier's. A lower limit stops no run that is under way. While a " +
    "customer is suspended, runs under way go on, those that wait go on waiting, no new one is accepted (403), and its " +
    "keys still read.",
  tag: "customers",
  who: "admin",
  scope: null,
  params: tenantParams,
  body: z
    .strictObject({
      subscription_tier: z.enum(TIERS).optional(),
      max_pipelines_per_month: z.int().min(0).max(MOST).nullable().optional(),
      max_concurrent_pipelines: z.int().min(1).max(MOST).nullable().optional(),
      suspend: z.boolean().optional().meta({ description: "true suspends, false resumes." }),
      reason: z.string().min(1).max(500).optional().meta({ description: "Why it is suspended." }),
    })
    .refine((body) => Object.keys(body).length > 0, "name at least one field to change")
    .refine(({ suspend, reason }) => reason === undefined || suspend === true, {
      path: ["reason"],
      message: "only with suspend: true",
    }),
  success: { status: 200, description: "The customer, as it is now.", schema: customer },
  problems: [401, 404, 409, 422, 503],
  async handle({ gateway, caller, params, body, head }) {
    return { status: 200, body: await gateway.updateCustomer(caller, params.tenant_id, body, head) };
  },
});
