import type { Template, TemplateName } from "@convergence/pipeline/types.ts";
import type { GatewayDeps } from "../deps.ts";
import { ApiProblem } from "../problem.ts";
import type { Context } from "./context.ts";

export interface TemplateSummary {
  provider: string;
  domain: string;
  name: string;
  /** As written; its variables are not replaced. */
  description: string;
  /** SHA-256 of the file, hexadecimal. */
  config_version: string;
  parameters: TemplateParameter[];
}

export interface TemplateParameter {
  name: string;
  type: string;
  required: boolean;
  default: string | number | boolean | null;
  description: string;
}

export interface TemplateDetail extends TemplateSummary {
  /** True where variables that are not declared are refused. */
  strict_parameters: boolean;
  /** What a schedule of it takes unless it gives its own. */
  schedule: { cron: string; timezone: string } | null;
  steps: { step_name: string; step_type: string; step_index: number; on_failure: string }[];
}

/** The catalogue, by provider, domain and name. */
export function listTemplates(context: Context): { templates: TemplateSummary[] } {
  return { templates: context.deps.catalogue.list().map(summary) };
}

/** @throws ApiProblem 404 for an unknown template, 422 for one with faults, which it names. */
export function readTemplate(context: Context, name: TemplateName): TemplateDetail {
  return detail(findTemplate(context.deps.catalogue, name));
}

/** @throws ApiProblem 404 for an unknown template, 422 for one with faults, which it names. */
export function findTemplate(catalogue: GatewayDeps["catalogue"], name: TemplateName): Template {
  const template = catalogue.find(name.provider, name.domain, name.name);
  if (template !== undefined) return template;
  const faults = catalogue.faultsOf(name.provider, name.domain, name.name);
  if (faults.length === 0) {
    throw new ApiProblem(
      404,
      "template-not-found",
      "There is no template of this name: see /api/v1/pipelines/templates.",
    );
  }
  throw new ApiProblem(422, "template-broken", "The template has faults: its author must mend it.", {
    errors: faults.map(({ file, line, column, message }) => ({
      field: `${file}:${line}:${column}`,
      message,
    })),
  });
}

function summary(template: Template): TemplateSummary {
  const { provider, domain, name, description, configVersion, parameters } = template;
  return {
    provider,
    domain,
    name,
    description,
    config_version: configVersion,
    parameters: parameters.map((parameter) => ({
      name: parameter.name,
      type: parameter.type,
      required: parameter.required,
      default: parameter.default ?? null,
      description: parameter.description,
    })),
  };
}

function detail(template: Template): TemplateDetail {
  return {
    ...summary(template),
    strict_parameters: template.strictParameters,
    schedule: template.schedule,
    steps: template.steps.map((step, index) => ({
      step_name: step.stepId,
      step_type: step.type,
      step_index: index,
      on_failure: step.onFailure,
    })),
  };
}
