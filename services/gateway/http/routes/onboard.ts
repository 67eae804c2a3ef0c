import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { tenantId } from "../schemas.ts";

const flag = (description: string) => z.boolean().default(false).meta({ description });

export const onboard = defineRoute({
  method: "post",
  path: "/api/v1/customers/onboard",
  operationId: "onboardCustomer",
  summary: "Onboard a customer",
  description:
    "Creates the customer's dataset and its five metadata tables, issues an API key, which is shown only here, and " +
    "runs the validation pipeline. Repeating it before the key was delivered finishes the onboarding.",
  tag: "customers",
  who: "admin or local",
  scope: null,
  idempotent: true,
  body: z.strictObject({
    tenant_id: tenantId,
    force_recreate_dataset: flag("Delete the dataset and create it anew. DESTRUCTIVE; needs the admin key."),
    force_recreate_tables: flag("Delete the tables and create them anew. DESTRUCTIVE; needs the admin key."),
  }),
  success: {
    status: 200,
    description: "Onboarded. Save the API key.",
    schema: z
      .object({
        tenant_id: z.string(),
        api_key: z.string().meta({ example: "acmeinc_23xv2_api_xK9mPqWz7LnR4vYt" }),
        dataset_created: z.boolean(),
        tables_created: z.array(z.string()),
        dryrun_status: z.enum(["SUCCESS", "FAILED"]),
        message: z.string(),
      })
      .meta({ id: "Onboarded" }),
  },
  problems: [401, 403, 409, 422, 503],
  async handle({ gateway, caller, body, head }) {
    const answer = await gateway.onboard(caller, body, head);
    return { status: 200, body: answer.body, sent: answer.delivered };
  },
});
