import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { jsonObject } from "../schemas.ts";

const json = z.unknown();

const query = z.object({
  sql: z.string(),
  parameters: z.array(z.object({ name: z.string(), type: z.string(), value: json })),
  default_dataset: z.string().meta({ description: "Unqualified tables are looked up here." }),
});

const step = z.object({
  step_name: z.string(),
  step_type: z.string(),
  step_index: z.int().min(0),
  stage: z.int().min(1).meta({ description: "Steps of one stage may run beside each other." }),
  depends_on: z.array(z.string()),
  on_failure: z.string(),
  timeout_minutes: z.number().nullable(),
  retry: json,
  query: query.nullable(),
  settings: z.record(z.string(), json).meta({ description: "What else the step is made of, by its type." }),
  bytes_estimate: z.int().nullable(),
  estimate_note: z.string().nullable().meta({ description: "Why bytes are not known." }),
});

export const validateTemplate = defineRoute({
  method: "post",
  path: "/api/v1/pipelines/templates/{provider}/{domain}/{name}/validate",
  operationId: "validateTemplate",
  summary: "What a run would do",
  description:
    "A dry run with a run's body: resolved steps, compiled SQL, parameters. Nothing is run or written. Whatever a run " +
    "would be refused for is told at once. With `estimate=true` BigQuery is asked how many bytes each query would read: " +
    "slow, a few at a time, and null where the gateway has no BigQuery.",
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  params: z.object({ provider: z.string(), domain: z.string(), name: z.string() }),
  query: z.strictObject({
    estimate: z
      .enum(["true", "false"], { error: "true or false" })
      .default("false")
      .meta({ type: "boolean", default: false }),
  }),
  body: jsonObject.meta({ type: "object", additionalProperties: true, examples: [{ date: "2025-11-15" }] }),
  success: {
    status: 200,
    description: "The run as it would be.",
    schema: z
      .object({
        provider: z.string(),
        domain: z.string(),
        name: z.string(),
        config_version: z.string().meta({ description: "SHA-256 of the template." }),
        pipeline_id: z.string(),
        description: z.string(),
        parameters: z.record(z.string(), json).meta({ description: "Given and defaulted ones." }),
        steps: z.array(step),
      })
      .meta({ id: "DryRun" }),
  },
  problems: [401, 403, 404, 422],
  async handle({ gateway, caller, params, query, body }) {
    return {
      status: 200,
      body: await gateway.validateTemplate(caller, params, body, query.estimate === "true"),
    };
  },
});
