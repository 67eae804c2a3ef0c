import type { PlannedStep, Resume, SubmitRun } from "@convergence/contracts";
import {
  type Catalogue,
  type ParameterValues,
  type Problem,
  pipelineIdOf,
  type ResolvedRun,
  type Retry,
  resolve,
  resolveParameters,
  type Template,
} from "@convergence/pipeline";
import type { Plan, Refusal } from "@convergence/run";
import { quotaOf } from "@convergence/tenant";
import type { KnownTenant } from "./tenants.ts";

/** The most that a run's variables and resolved steps may come to, in bytes: its acceptance is one record on the bus. */
const MAX_RUN_BYTES = 900_000;

/** As of when a run's defaults are: `today` is a day in that zone. */
export interface Moment {
  /** Unix milliseconds. */
  at: number;
  /** IANA name. */
  timezone: string;
}

/** Nothing new is begun for a suspended tenant, whoever asks. */
export const SUSPENDED: Refusal = {
  status: 403,
  reason: "tenant-suspended",
  detail: "The tenant is suspended: ask the platform's operators to resume it.",
  problems: [],
};

/** Resolves what a SubmitRun asks for into the run's steps. Pure. */
export function planRun(
  command: SubmitRun,
  tenant: KnownTenant | undefined,
  catalogue: Pick<Catalogue, "find" | "faultsOf">,
  project: string,
  moment: Moment = { at: command.meta.at, timezone: "UTC" },
): Plan {
  if (tenant === undefined)
    return refused(404, "tenant-not-found", "There is no such tenant: onboard it first.");
  if (tenant.lifecycle === "SUSPENDED" && command.trigger_type !== "onboarding")
    return { ok: false, refusal: SUSPENDED };
  const mayRun = tenant.lifecycle === "ACTIVE" || command.trigger_type === "onboarding";
  if (!mayRun)
    return refused(409, "tenant-not-active", "The tenant is not active: finish its onboarding first.");
  const template = catalogue.find(command.provider, command.domain, command.template);
  if (template === undefined) return { ok: false, refusal: templateMissing(command, catalogue) };
  const body: Record<string, unknown> = JSON.parse(command.parameters);
  const read = resolveParameters(template, body, moment.at, moment.timezone);
  if ("problems" in read) return invalid(read.problems);
  const context = { tenantId: tenant.tenant_name, runId: command.run_id, project, values: read.values };
  const resolved = resolve(template, context);
  if ("problems" in resolved) return invalid(resolved.problems);
  if (command.resume !== null && command.resume.config_version !== template.configVersion)
    return refused(409, "template-changed", "The template was changed since that run: start a new run.");
  const run = head(command, tenant, template, resolved.ok, read.values);
  const planned = steps(resolved.ok, command.resume);
  const bytes = sizeOf(run, planned);
  return bytes > MAX_RUN_BYTES
    ? tooLarge(bytes)
    : {
        ok: true,
        run,
        steps: planned,
        refusedIfHeld: resolved.ok.concurrency?.policy === "skip",
        quota: quotaOf(tenant),
      };
}

/** Of the texts whose length nothing else bounds. */
function sizeOf(
  { pipeline_id, parameters, trigger_by }: Extract<Plan, { ok: true }>["run"],
  planned: readonly PlannedStep[],
): number {
  const texts = [
    pipeline_id,
    parameters,
    trigger_by,
    ...planned.flatMap(({ step_id, spec }) => [step_id, spec]),
  ];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function tooLarge(bytes: number): Plan {
  const detail = `The run's variables and its resolved steps come to ${bytes} bytes, more than ${MAX_RUN_BYTES}: send shorter variables.`;
  return refused(422, "run-too-large", detail);
}

function head(
  command: SubmitRun,
  tenant: KnownTenant,
  template: Template,
  resolved: ResolvedRun,
  values: ParameterValues,
): Extract<Plan, { ok: true }>["run"] {
  return {
    run_id: command.run_id,
    tenant_name: tenant.tenant_name,
    pipeline_id: resolved.pipelineId || pipelineIdOf(tenant.tenant_name, template),
    provider: command.provider,
    domain: command.domain,
    template: command.template,
    config_version: resolved.configVersion,
    trigger_type: command.trigger_type,
    trigger_by: command.trigger_by,
    parameters: JSON.stringify(values),
    run_date: runDate(template, values),
    concurrency: resolved.concurrency && { key: resolved.concurrency.key, limit: resolved.concurrency.limit },
    timeout_ms: template.timeoutMinutes === null ? null : template.timeoutMinutes * 60_000,
  };
}

/** The run's date, where the template has a date of that name. */
function runDate(template: Template, values: ParameterValues): string | null {
  const isDate = template.parameters.some(({ name, type }) => name === "date" && type === "date");
  return isDate && typeof values.date === "string" ? values.date : null;
}

function steps(resolved: ResolvedRun, resume: Resume | null): PlannedStep[] {
  const done = new Set(resume?.done ?? []);
  const indexes = new Map(resolved.steps.map(({ stepId }, index) => [stepId, index]));
  return resolved.steps.map((step) => ({
    step_id: step.stepId,
    step_type: step.type,
    on_failure: step.onFailure,
    spec: JSON.stringify(step),
    depends_on: step.dependsOn?.flatMap((id) => indexes.get(id) ?? []) ?? null,
    retry: step.retry && retryPolicy(step.retry),
    done_by: resume !== null && done.has(step.stepId) ? resume.of_run : null,
  }));
}

function retryPolicy({ attempts, backoff, pauseSeconds, maxPauseSeconds }: Retry): PlannedStep["retry"] {
  const factor = backoff === "exponential" ? 2 : 1;
  return { attempts, pause_ms: pauseSeconds * 1000, factor, max_pause_ms: maxPauseSeconds * 1000 };
}

/** Why a template that is not found, or has faults, cannot be run. */
export function templateMissing(
  command: Pick<SubmitRun, "provider" | "domain" | "template">,
  catalogue: Pick<Catalogue, "faultsOf">,
): Refusal {
  const { provider, domain, template } = command;
  const faults = catalogue.faultsOf(provider, domain, template);
  const [first] = faults;
  if (first === undefined) {
    const detail = `There is no template ${provider}/${domain}/${template}: list the templates to see which there are.`;
    return { status: 404, reason: "template-not-found", detail, problems: [] };
  }
  const problems = faults.map((fault) => ({
    field: `${fault.file}:${fault.line}:${fault.column}`,
    message: fault.message,
  }));
  const detail = `The template has faults: mend it. First: ${first.message}`;
  return { status: 422, reason: "template-broken", detail, problems };
}

function invalid(problems: Problem[]): Plan {
  const detail = "The run's variables do not fit the template: see errors.";
  return refused(422, "invalid-parameters", detail, problems);
}

function refused(status: number, reason: string, detail: string, problems: Refusal["problems"] = []): Plan {
  return { ok: false, refusal: { status, reason, detail, problems } };
}
