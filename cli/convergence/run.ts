import { systemRandom } from "@convergence/runtime";
import { z } from "zod";
import { bodyOf, only, parsed, templateName, variablesOf } from "./arguments.ts";
import type { Command, ExitCode, World } from "./command.ts";
import { checkedRunId, follow, isOver, type RunState, type StepState } from "./follow.ts";
import { type GatewayClient, gatewayClient } from "./gateway.ts";

const HELP = `usage: npm run convergence -- run PROVIDER/DOMAIN/TEMPLATE [--follow] [--var NAME=VALUE ...] [--json]

Submits a run to the gateway at CONVERGENCE_URL with CONVERGENCE_API_KEY, and prints its id. It is asked for under an
Idempotency-Key, so that a repeat after a broken connection is no second run.

  --follow               prints each step as it begins and ends, until the run is over
  --var NAME=VALUE       a variable; once for each
  --idempotency-key KEY  the key to use, to repeat an earlier command; else a random one
  --json                 prints the gateway's answer, and with --follow each event, as one line of JSON

Ctrl-C ends the following, not the run.
Exit codes: 0 the run is COMPLETE (without --follow: accepted); 1 it is FAILED or CANCELLED, or was left running;
2 not understood, refused, or no gateway there.`;

export const run: Command = {
  summary: "runs a template on the gateway; --follow prints its steps live",
  help: HELP,
  async run(args, world) {
    const { values, positionals } = parsed(args, {
      follow: { type: "boolean", default: false },
      var: { type: "string", multiple: true, default: [] },
      "idempotency-key": { type: "string" },
      json: { type: "boolean", default: false },
    });
    const template = templateName(only(positionals, "template"));
    const variables = variablesOf(values.var);
    const client = gatewayClient(world.config);
    const path = `${template.provider}/${template.domain}/${template.name}`;
    const answer = await client.ask(`/api/v1/pipelines/run/${client.tenant}/${path}`, {
      body: bodyOf(variables, await parametersOf(client, path, variables.size > 0)),
      idempotencyKey: values["idempotency-key"] ?? systemRandom.uuid(),
    });
    const runId = checkedRunId(answer);
    world.print(values.json ? JSON.stringify(answer) : `run ${runId}: ${path} for ${client.tenant}`);
    return values.follow ? await followed(client, runId, values.json, world) : 0;
  },
};

/** What the gateway's template declares, so that variables get their types; none where it does not tell. */
async function parametersOf(client: GatewayClient, path: string, needed: boolean) {
  if (!needed) return [];
  const shape = z.object({ parameters: z.array(z.object({ name: z.string(), type: z.string() })) });
  const template = await client.ask(`/api/v1/pipelines/templates/${path}`).catch(() => undefined);
  return shape.safeParse(template).data?.parameters ?? [];
}

async function followed(
  client: GatewayClient,
  runId: string,
  json: boolean,
  world: World,
): Promise<ExitCode> {
  const told = new Map<number, string>();
  let state: RunState | null = null;
  for await (const progress of follow(client, runId, world.interrupted)) {
    state = progress.run ?? state;
    if (json) {
      world.print(JSON.stringify({ event: progress.event, data: progress.data }));
      continue;
    }
    for (const step of progress.steps) tellStep(step, told, world);
  }
  if (state === null || !isOver(state.status)) {
    world.note(`The run goes on. See it at ${client.url}/api/v1/pipelines/runs/${runId}`);
    return 1;
  }
  if (!json) world.print(runLine(runId, state));
  return state.status === "COMPLETE" ? 0 : 1;
}

/** A snapshot tells steps anew: only what changed is printed. */
function tellStep(step: StepState, told: Map<number, string>, { print }: World): void {
  const line = stepLine(step);
  if (told.get(step.step_index) === line || (step.status === "PENDING" && step.attempt === 1)) return;
  told.set(step.step_index, line);
  print(line);
}

function stepLine(step: StepState): string {
  const {
    step_index,
    step_name,
    status,
    attempt,
    duration_ms,
    rows_processed,
    bytes_processed,
    error_message,
  } = step;
  const about = [
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(duration_ms === null || status === "RUNNING" ? [] : [`${duration_ms} ms`]),
    ...(rows_processed === null ? [] : [`${rows_processed.toLocaleString("en")} rows`]),
    ...(bytes_processed === null ? [] : [`${bytes_processed.toLocaleString("en")} bytes`]),
    ...(error_message === null ? [] : [error_message]),
  ];
  return `  step ${step_index + 1} ${step_name}: ${[status, ...about].join(", ")}`;
}

function runLine(runId: string, { status, duration_ms, error_message }: RunState): string {
  const took = duration_ms === null ? "" : ` after ${duration_ms} ms`;
  return `run ${runId}: ${status}${took}${error_message === null ? "" : `: ${error_message}`}`;
}
