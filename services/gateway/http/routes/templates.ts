import { z } from "zod";
import { defineRoute } from "../define-route.ts";

const summary = {
  provider: z.string(),
  domain: z.string(),
  name: z.string(),
  description: z.string(),
  config_version: z.string().meta({ description: "SHA-256 of the file." }),
  parameters: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      required: z.boolean(),
      default: z.union([z.string(), z.number(), z.boolean()]).nullable(),
      description: z.string(),
    }),
  ),
};

export const listTemplates = defineRoute({
  method: "get",
  path: "/api/v1/pipelines/templates",
  operationId: "listTemplates",
  summary: "List pipeline templates",
  description: "Those that can be run, with their parameters.",
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  success: {
    status: 200,
    description: "The catalogue.",
    schema: z.object({ templates: z.array(z.object(summary).meta({ id: "Template" })) }),
  },
  problems: [401, 403],
  async handle({ gateway }) {
    return { status: 200, body: await gateway.templates() };
  },
});

export const readTemplate = defineRoute({
  method: "get",
  path: "/api/v1/pipelines/templates/{provider}/{domain}/{name}",
  operationId: "getTemplate",
  summary: "A pipeline template",
  description: "Its parameters and steps. A template with faults is answered with all of them.",
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  params: z.object({ provider: z.string(), domain: z.string(), name: z.string() }),
  success: {
    status: 200,
    description: "The template.",
    schema: z
      .object({
        ...summary,
        strict_parameters: z.boolean(),
        schedule: z
          .object({ cron: z.string(), timezone: z.string() })
          .nullable()
          .meta({ description: "Taken by a schedule that gives no cron." }),
        steps: z.array(
          z.object({
            step_name: z.string(),
            step_type: z.string(),
            step_index: z.int(),
            on_failure: z.string(),
          }),
        ),
      })
      .meta({ id: "TemplateDetail" }),
  },
  problems: [401, 403, 404, 422],
  async handle({ gateway, params }) {
    return { status: 200, body: await gateway.template(params) };
  },
});
