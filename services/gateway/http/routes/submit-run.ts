import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { jsonObject, tenantParams, triggered } from "../schemas.ts";

export const submitRun = defineRoute({
  method: "post",
  path: "/api/v1/pipelines/run/{tenant_id}/{provider}/{domain}/{template_name}",
  operationId: "runPipeline",
  summary: "Run a pipeline template",
  description:
    "The body's members are the template's variables; `trigger_by` says who asked. With an Idempotency-Key, a repeat " +
    "within 24 hours gives the first run.",
  tag: "pipelines",
  who: "tenant",
  scope: "run",
  idempotent: true,
  params: tenantParams.extend({
    provider: z.string().meta({ example: "gcp" }),
    domain: z.string().meta({ example: "cost" }),
    template_name: z
      .string()
      .meta({ description: "The file's name without .yml.", example: "bill-sample-export-template" }),
  }),
  body: jsonObject.meta({
    type: "object",
    properties: {
      date: { description: "A common variable of templates.", examples: ["2025-11-15"] },
      trigger_by: { type: "string", default: "api_user", maxLength: 256, examples: ["user@example.com"] },
    },
    additionalProperties: true,
  }),
  success: {
    status: 200,
    description: "Triggered. Save pipeline_logging_id to follow the run.",
    schema: triggered.meta({ id: "Triggered" }),
  },
  problems: [401, 403, 404, 422, 429, 503],
  async handle({ gateway, caller, params, body, head }) {
    const { tenant_id: tenantId, provider, domain, template_name: name } = params;
    return {
      status: 200,
      body: await gateway.submitRun(caller, { tenantId, provider, domain, name }, body, head),
    };
  },
});
