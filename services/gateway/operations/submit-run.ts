import { type Problem, type SubmitRun, type Trace, traceFields } from "@convergence/contracts";
import { RESERVED_VARIABLES, TRIGGER_BY } from "@convergence/pipeline/parameters.ts";
import { pipelineIdOf } from "@convergence/pipeline/resolve.ts";
import type { TemplateName } from "@convergence/pipeline/types.ts";
import { MONTHLY_QUOTA, nextMonth } from "@convergence/run";
import { requireTenant, type TenantCaller } from "../access.ts";
import { commandMeta, idempotency, send } from "../commands.ts";
import { type JsonObject, jsonProblems } from "../json.ts";
import { ApiProblem, invalid, unavailable } from "../problem.ts";
import { OUTCOME_MS } from "../views/runs/fold.ts";
import type { SubmitOutcome } from "../views/runs/view.ts";
import type { Context, RequestHead } from "./context.ts";

const DEFAULT_TRIGGER_BY = "api_user";
const MAX_TRIGGER_BY = 256;
const PATH_PART = /^[A-Za-z0-9_-]{1,128}$/;

/** A run that was asked for, as the specification prints it. */
export interface Triggered {
  pipeline_logging_id: string;
  pipeline_id: string;
  status: string;
  message: string;
  /** As sent. */
  parameters: JsonObject;
}

/**
 * Asks for a run and waits for its outcome.
 * @throws ApiProblem 403, 404, 422, 429 as decided; 503 when the bus is away, or when a request with an
 * Idempotency-Key has no outcome within 2 s. Without one, that request's run is PENDING.
 */
export async function submitRun(
  context: Context,
  caller: TenantCaller,
  path: TemplateName & { tenantId: string },
  body: JsonObject,
  head: RequestHead,
): Promise<Triggered> {
  requireTenant(caller, path.tenantId);
  return askFor(
    context,
    caller,
    path,
    { command: submitCommand(context, caller, path, body, head), body },
    head,
  );
}

/** Sends the command for a run and answers with its outcome. `body`: the variables that the answer repeats. */
export async function askFor(
  context: Context,
  caller: TenantCaller,
  path: TemplateName,
  { command, body }: { command: SubmitRun; body: JsonObject },
  head: RequestHead,
): Promise<Triggered> {
  const { outcome, stored } = await outcomeOf(context, command, head.trace);
  const answer = (runId: string, pipelineId: string, status: string): Triggered => ({
    pipeline_logging_id: runId,
    pipeline_id: pipelineId,
    status,
    message: "Templated pipeline triggered successfully",
    parameters: body,
  });
  switch (outcome?.type) {
    case "RunAccepted":
      return answer(outcome.run.run_id, outcome.run.pipeline_id, "PENDING");
    case "RunRejected":
      throw new ApiProblem(outcome.status, outcome.reason, outcome.detail, {
        errors: outcome.problems,
        ...(outcome.status === 429 || outcome.status === 503
          ? { retryAfter: retryAfter(outcome.reason, context.deps.clock.now()) }
          : {}),
      });
    case "RunRepeated": {
      const first = context.runs.get(caller.tenantId, outcome.first_run_id);
      const pipelineId = first?.pipelineId ?? pipelineIdOf(caller.tenantName, path);
      return answer(outcome.first_run_id, pipelineId, first?.status ?? "PENDING");
    }
  }
  if (!stored || command.idempotency !== null) {
    throw unavailable(
      "no-outcome-yet",
      "Nothing has decided about this run yet: repeat the same request, with the same Idempotency-Key, to hear of it.",
    );
  }
  return answer(command.run_id, pipelineIdOf(caller.tenantName, path), "PENDING");
}

/** When asking again may help, in seconds. */
function retryAfter(reason: string, now: number): number {
  return reason === MONTHLY_QUOTA ? Math.ceil((nextMonth(now) - now) / 1000) : 60;
}

function submitCommand(
  context: Context,
  caller: TenantCaller,
  path: TemplateName,
  body: JsonObject,
  head: RequestHead,
): SubmitRun {
  requirePath(path);
  requireVariables(body);
  const { [TRIGGER_BY]: triggerBy, ...parameters } = body;
  const { provider, domain, name } = path;
  return {
    type: "SubmitRun",
    meta: commandMeta(context.deps, caller.tenantId),
    run_id: context.deps.random.uuid(),
    provider,
    domain,
    template: name,
    parameters: JSON.stringify(parameters),
    trigger_by: typeof triggerBy === "string" ? triggerBy : DEFAULT_TRIGGER_BY,
    trigger_type: "api",
    resume: null,
    tenant_version: knownVersion(context, caller),
    idempotency: idempotency(head.idempotencyKey, `run|${provider}/${domain}/${name}`, body),
  };
}

/** The tenant as this gateway knows it: what it was told, as of a changed quota, holds for what it sends. */
export function knownVersion({ tenants }: Context, { tenantId }: TenantCaller): number {
  return tenants.get(tenantId)?.version ?? 0;
}

function requirePath({ provider, domain, name }: TemplateName): void {
  const parts = { provider, domain, template_name: name };
  const problems = Object.entries(parts)
    .filter(([, part]) => !PATH_PART.test(part))
    .map(([field]) => ({ field, message: "only letters, digits, _ and -, at most 128" }));
  if (problems.length > 0) throw invalid(problems);
}

/** What only this request's form decides; whether the variables fit the template, pipeline-service decides. */
function requireVariables(body: JsonObject): void {
  const problems = variableProblems(body);
  if (problems.length > 0) throw invalid(problems);
}

/** What is wrong with a run's body, whatever the template. @throws ApiProblem 400 where it is nested too deep */
export function variableProblems(body: JsonObject): Problem[] {
  const problems = jsonProblems(body);
  for (const name of RESERVED_VARIABLES) {
    if (Object.hasOwn(body, name)) {
      problems.push({ field: name, message: "a reserved name, which the platform gives: leave it out" });
    }
  }
  const triggerBy = body[TRIGGER_BY];
  const fits = typeof triggerBy === "string" && triggerBy !== "" && triggerBy.length <= MAX_TRIGGER_BY;
  if (triggerBy !== undefined && !fits) {
    problems.push({ field: TRIGGER_BY, message: `a string of 1 to ${MAX_TRIGGER_BY} characters` });
  }
  return problems;
}

/** `stored` tells whether the log is known to have taken the command. */
async function outcomeOf(
  context: Context,
  command: SubmitRun,
  trace: Trace | null,
): Promise<{ outcome: SubmitOutcome | undefined; stored: boolean }> {
  let stored = false;
  const about = { tenant_id: command.meta.tenant_id, run_id: command.run_id, ...traceFields(trace) };
  context.deps.log.debug(about, "a run is asked for");
  const waiting = context.runs.outcomes.wait(command.meta.command_id, OUTCOME_MS);
  const sending = send(context.deps.bus, command, trace).then(() => {
    stored = true;
    return waiting;
  });
  return { outcome: await Promise.race([waiting, sending]), stored };
}
