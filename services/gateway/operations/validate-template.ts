import { type DryRun, dryRun } from "@convergence/pipeline/dry-run.ts";
import type { Problem, TemplateName } from "@convergence/pipeline/types.ts";
import type { TenantCaller } from "../access.ts";
import type { JsonObject } from "../json.ts";
import { ApiProblem } from "../problem.ts";
import type { Context } from "./context.ts";
import { type EstimatedStep, none } from "./estimates.ts";
import { variableProblems } from "./submit-run.ts";
import { findTemplate } from "./templates.ts";

/** A run as it would be. */
export type ValidatedTemplate = Omit<DryRun, "steps"> & { steps: EstimatedStep[] };

/**
 * What a run of a template with this body would do, for the caller's tenant. Nothing is run or written.
 * @param estimate whether to ask BigQuery for the bytes that its queries would read: slow.
 * @throws ApiProblem 404 for an unknown template; 422 for one with faults, or for variables that do not fit; 503 while
 * too many estimates are under way.
 */
export async function validateTemplate(
  context: Context,
  caller: TenantCaller,
  name: TemplateName,
  body: JsonObject,
  estimate: boolean,
): Promise<ValidatedTemplate> {
  const { deps, estimates } = context;
  const template = findTemplate(deps.catalogue, name);
  const wrong = variableProblems(body);
  const run = dryRun(template, {
    tenantId: caller.tenantName,
    project: deps.project,
    body,
    now: deps.clock.now(),
  });
  const problems = "problems" in run ? unlike(wrong, run.problems) : wrong;
  if ("problems" in run || problems.length > 0) {
    const detail = "The run's variables do not fit the template: see errors.";
    throw new ApiProblem(422, "invalid-parameters", detail, { errors: problems });
  }
  const steps = estimate
    ? await estimates.of(run.ok)
    : run.ok.steps.map((step): EstimatedStep => ({ ...step, ...none(null) }));
  return { ...run.ok, steps };
}

/** All of them, a field once. */
function unlike(first: readonly Problem[], more: readonly Problem[]): Problem[] {
  const told = new Set(first.map(({ field }) => field));
  return [...first, ...more.filter(({ field }) => !told.has(field))];
}
