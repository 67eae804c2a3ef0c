/** A template and a request become a run's work. */
import { type ParameterValues, readScalar } from "./parameters.ts";
import { render } from "./text.ts";
import type { Problem, ResolvedRun, ResolvedStep, Scalar, Scope, Template, TemplateName } from "./types.ts";

/** BigQuery's and our own limits aside, an id is to be read by people. */
const MAX_PIPELINE_ID = 512;

export interface RunContext {
  tenantId: string;
  runId: string;
  /** The platform's project. */
  project: string;
  /** As resolveParameters returned them. */
  values: ParameterValues;
}

/** The id under which a tenant's runs of a template are found: `{tenant}-{provider}-{domain}-{template}`. */
export function pipelineIdOf(tenantId: string, { provider, domain, name }: TemplateName): string {
  return `${tenantId}-${provider}-${domain}-${name}`;
}

/**
 * Replaces the template's variables. Values land in SQL as query parameters only; where a name is made of them
 * (a table, what stands in backticks) they are checked. All problems at once.
 */
export function resolve(
  template: Template,
  context: RunContext,
): { ok: ResolvedRun } | { problems: Problem[] } {
  const problems: Problem[] = [];
  const values = readValues(template, context, problems);
  if (problems.length > 0) return { problems };
  const scope: Scope = {
    tenantId: context.tenantId,
    project: context.project,
    values,
    problem: (field, message) => problems.push({ field, message }),
  };
  const steps = template.steps.map(
    (step): ResolvedStep => ({
      stepId: step.stepId,
      onFailure: step.onFailure,
      timeoutMinutes: step.timeoutMinutes,
      dependsOn: step.dependsOn,
      retry: step.retry,
      ...step.resolve(scope),
    }),
  );
  const pipelineId = render(template.compiled.pipelineId, values);
  if (!/^\S.*$/u.test(pipelineId) || pipelineId.length > MAX_PIPELINE_ID) {
    scope.problem("pipeline_id", `must be one line of at most ${MAX_PIPELINE_ID} characters`);
  }
  const concurrency = template.concurrency && {
    ...template.concurrency,
    key: render(template.concurrency.key, values),
  };
  if (concurrency !== null && (concurrency.key === "" || concurrency.key.length > MAX_PIPELINE_ID)) {
    scope.problem("concurrency.key", `must come to 1 to ${MAX_PIPELINE_ID} characters`);
  }
  if (problems.length > 0) return { problems };
  const description = render(template.compiled.description, values);
  return { ok: { pipelineId, description, configVersion: template.configVersion, concurrency, steps } };
}

function readValues(template: Template, context: RunContext, problems: Problem[]): Map<string, Scalar> {
  const values = new Map<string, Scalar>();
  for (const { name, type } of template.parameters) {
    const given = Object.hasOwn(context.values, name) ? context.values[name] : undefined;
    const read = readScalar(type, given);
    if ("message" in read) problems.push({ field: name, message: read.message });
    else values.set(name, read.value);
  }
  values.set("tenant_id", context.tenantId);
  values.set("provider", template.provider);
  values.set("domain", template.domain);
  values.set("template_name", template.name);
  values.set("pipeline_id", pipelineIdOf(context.tenantId, template));
  values.set("run_id", context.runId);
  return values;
}
