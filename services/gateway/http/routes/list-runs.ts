import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { limit, runSummary, status } from "../schemas.ts";

const moment = (description: string) =>
  z
    .union([z.iso.datetime({ offset: true }), z.iso.date()], {
      error: "an RFC 3339 time or a date, such as 2025-11-15T10:00:00Z or 2025-11-15",
    })
    .transform((text) => Date.parse(text))
    .optional()
    .meta({ type: "string", description, example: "2025-11-15T00:00:00Z" });

export const listRuns = defineRoute({
  method: "get",
  path: "/api/v1/pipelines/runs",
  operationId: "listRuns",
  summary: "List runs, newest first",
  description:
    "The last 31 days. Send `next_cursor` as `cursor`, with the same filters, for what comes next.",
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  query: z.strictObject({
    pipeline_id: z.string().max(1_024).optional(),
    status: status.optional(),
    from: moment("Started at this time or later."),
    to: moment("Started before this time."),
    limit,
    cursor: z.string().max(256).optional().meta({ description: "next_cursor of the page before." }),
  }),
  success: {
    status: 200,
    description: "A page of runs.",
    schema: z.object({
      runs: z.array(runSummary),
      next_cursor: z.string().nullable().meta({ description: "null: these were the last." }),
    }),
  },
  problems: [401, 403, 422],
  async handle({ gateway, caller, query }) {
    const { pipeline_id: pipelineId, status, from, to, limit, cursor = null } = query;
    return {
      status: 200,
      body: await gateway.runs(caller, { pipelineId, status, from, to }, { limit, cursor }),
    };
  },
});
