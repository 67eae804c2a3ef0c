import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { runDetail, runId } from "../schemas.ts";

export const cancelRun = defineRoute({
  method: "post",
  path: "/api/v1/pipelines/runs/{id}/cancel",
  operationId: "cancelRun",
  summary: "Cancel an open run",
  description:
    "Its steps are CANCELLED, their BigQuery jobs are asked to stop. To cancel a run that is CANCELLED changes nothing.",
  tag: "pipelines",
  who: "tenant",
  scope: "run",
  params: z.object({ id: runId }),
  success: { status: 200, description: "The run, CANCELLED.", schema: runDetail },
  problems: [401, 403, 404, 409, 503],
  async handle({ gateway, caller, params, head }) {
    return { status: 200, body: await gateway.cancelRun(caller, params.id, head) };
  },
});
