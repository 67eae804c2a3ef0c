import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { runDetail, runId } from "../schemas.ts";

const MAX_WAIT_S = 60;

export const readRun = defineRoute({
  method: "get",
  path: "/api/v1/pipelines/runs/{id}",
  operationId: "getRun",
  summary: "A run and its steps",
  description:
    "With `wait`, answers as soon as the run is over, or after so many seconds with how it then stands.",
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  params: z.object({ id: runId }),
  query: z.object({
    wait: z
      .string()
      .regex(/^\d{1,2}$/, `whole seconds from 0 to ${MAX_WAIT_S}`)
      .transform(Number)
      .refine((seconds) => seconds <= MAX_WAIT_S, `whole seconds from 0 to ${MAX_WAIT_S}`)
      .default(0)
      .meta({
        type: "integer",
        minimum: 0,
        maximum: MAX_WAIT_S,
        default: 0,
        description: "Seconds to wait for the run's end.",
        example: 30,
      }),
  }),
  success: { status: 200, description: "The run.", schema: runDetail },
  problems: [401, 403, 404, 422],
  async handle({ gateway, caller, params, query }) {
    return { status: 200, body: await gateway.run(caller, params.id, query.wait * 1_000) };
  },
});
