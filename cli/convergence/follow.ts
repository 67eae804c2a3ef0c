/** A run's events from the gateway, across broken connections. */
import { sleep, systemClock } from "@convergence/runtime";
import { type EventSourceMessage, EventSourceParserStream } from "eventsource-parser/stream";
import { z } from "zod";
import { CommandError } from "./command.ts";
import { type GatewayClient, notThere, refused } from "./gateway.ts";

/** For how long a gateway may be away, in milliseconds. */
const AWAY_MS = 60_000;
const AGAIN_MS = 1_000;

const status = z.enum(["PENDING", "RUNNING", "COMPLETE", "FAILED", "CANCELLED"]);
const step = z.object({
  step_name: z.string(),
  step_type: z.string(),
  step_index: z.int(),
  status: z.string(),
  duration_ms: z.number().nullable(),
  rows_processed: z.number().nullable(),
  bytes_processed: z.number().nullable(),
  attempt: z.int(),
  error_message: z.string().nullable(),
});
const run = z.object({ status, duration_ms: z.number().nullable(), error_message: z.string().nullable() });

export type RunStatus = z.infer<typeof status>;
export type StepState = z.infer<typeof step>;
export type RunState = z.infer<typeof run>;

/** An event: how the run stands, as far as it tells, and the steps that it tells of. `data` is as it came. */
export interface Progress {
  event: string;
  data: unknown;
  run: RunState | null;
  steps: StepState[];
}

/**
 * A run's progress until it is over.
 * @throws CommandError where the gateway refuses, or stays away for a minute
 */
export async function* follow(
  client: GatewayClient,
  runId: string,
  interrupted: AbortSignal,
): AsyncGenerator<Progress> {
  let lastId: string | undefined;
  let awaySince: number | null = null;
  while (!interrupted.aborted) {
    const headers: Record<string, string> = lastId === undefined ? {} : { "Last-Event-ID": lastId };
    const path = `/api/v1/pipelines/runs/${runId}/events`;
    const response = await client.open(path, headers, interrupted).catch(() => null);
    if (response?.status === 204) return;
    if (response?.status === 200) {
      awaySince = null;
      for await (const message of messages(response)) {
        lastId = message.id ?? lastId;
        const progress = readProgress(message);
        yield progress;
        if (progress.run !== null && isOver(progress.run.status)) return;
      }
    } else if (response !== null && response.status !== 503 && response.status !== 429) {
      throw refused(response.status, await response.text());
    }
    if (interrupted.aborted) return;
    awaySince ??= systemClock.now();
    if (systemClock.now() - awaySince > AWAY_MS) throw notThere(client.url);
    await sleep(systemClock, AGAIN_MS);
  }
}

export function isOver(state: RunStatus): boolean {
  return state !== "PENDING" && state !== "RUNNING";
}

/** What comes until the stream ends; a connection that breaks ends it, too. */
async function* messages(response: Response): AsyncGenerator<EventSourceMessage> {
  const stream = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  if (stream === undefined) return;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
      if (done || value === undefined) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function readProgress({ event = "", data }: EventSourceMessage): Progress {
  const read = z.discriminatedUnion("event", [
    z.object({ event: z.literal("snapshot"), data: run.extend({ steps: z.array(step) }) }),
    z.object({ event: z.literal("run"), data: run }),
    z.object({ event: z.literal("step"), data: step }),
  ]);
  const raw: unknown = JSON.parse(data);
  const found = read.safeParse({ event, data: raw });
  // An event of a newer gateway: nothing that this one knows.
  if (!found.success) return { event, data: raw, run: null, steps: [] };
  switch (found.data.event) {
    case "snapshot":
      return { event, data: raw, run: found.data.data, steps: found.data.data.steps };
    case "run":
      return { event, data: raw, run: found.data.data, steps: [] };
    case "step":
      return { event, data: raw, run: null, steps: [found.data.data] };
  }
}

/** @throws CommandError for anything that is no run's id */
export function checkedRunId(value: unknown): string {
  const read = z.object({ pipeline_logging_id: z.uuid() }).safeParse(value);
  if (read.success) return read.data.pipeline_logging_id;
  throw new CommandError(
    "the gateway's answer holds no run",
    "Is CONVERGENCE_URL a Convergence gateway's?",
    2,
  );
}
