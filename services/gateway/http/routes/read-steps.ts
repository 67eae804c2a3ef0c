import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { runId, step } from "../schemas.ts";

export const readSteps = defineRoute({
  method: "get",
  path: "/api/v1/pipelines/runs/{id}/steps",
  operationId: "listSteps",
  summary: "A run's steps",
  description: "In the order written.",
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  params: z.object({ id: runId }),
  success: {
    status: 200,
    description: "The steps.",
    schema: z.object({ pipeline_logging_id: runId, steps: z.array(step) }),
  },
  problems: [401, 403, 404],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.steps(caller, params.id) };
  },
});
