import { z } from "zod";
import { HEARTBEAT_MS, STREAMS_PER_KEY, STREAMS_PER_TENANT } from "../../events/streams.ts";
import { defineRoute } from "../define-route.ts";
import { runId } from "../schemas.ts";

export const runEvents = defineRoute({
  method: "get",
  path: "/api/v1/pipelines/runs/{id}/events",
  operationId: "followRun",
  summary: "A run's live progress",
  description:
    "Server-sent events. `snapshot`: the run as GET shows it; comes first, and where the versions after Last-Event-ID " +
    "are not kept any more. `step`: a step as it now is, with `run_status`. `run`: status, times and error of the run. " +
    "The data is JSON with `version`, which is the event's `id` too: a run's versions follow on one another, one an " +
    "event. With Last-Event-ID it goes on behind that version. The stream ends after the run's end; a client that has " +
    `all of it gets 204. A comment comes where nothing else does for ${HEARTBEAT_MS / 1_000} s. At most ` +
    `${STREAMS_PER_KEY} streams a key and ${STREAMS_PER_TENANT} a tenant. A stream ends when its key is revoked or expires.`,
  tag: "pipelines",
  who: "tenant",
  scope: "read",
  eventStream: true,
  params: z.object({ id: runId }),
  success: {
    status: 200,
    description: "The events.",
    schema: z.string().meta({ example: "event: run\nid: 1\ndata: {…}\n\n" }),
  },
  problems: [401, 403, 404, 422, 429],
  async handle({ gateway, caller, params, head }) {
    const events = await gateway.followRun(caller, params.id, head.lastEventId ?? null);
    return events === null ? { status: 204 } : { status: 200, events };
  },
});
