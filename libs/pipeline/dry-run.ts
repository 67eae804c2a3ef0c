/** What a run of a template would do, without making one. */
import type { QueryParam } from "@convergence/warehouse/port.ts";
import { type ParameterValues, resolveParameters } from "./parameters.ts";
import { resolve } from "./resolve.ts";
import type { JsonValue, Problem, ResolvedStep, Template } from "./types.ts";

/** In place of a run's id: no run bears it. */
const NO_RUN = "00000000-0000-0000-0000-000000000000";

/** A dry run, as the API and the command line print it. */
export interface DryRun {
  provider: string;
  domain: string;
  name: string;
  /** SHA-256 of the template, hexadecimal. */
  config_version: string;
  pipeline_id: string;
  description: string;
  /** Given and defaulted ones. */
  parameters: ParameterValues;
  steps: DryRunStep[];
}

export interface DryRunStep {
  step_name: string;
  step_type: string;
  step_index: number;
  /** Steps of one stage may run beside each other; counts from 1. */
  stage: number;
  depends_on: string[];
  on_failure: string;
  timeout_minutes: number | null;
  retry: JsonValue;
  query: DryRunQuery | null;
  /** What else the step is made of, by its type. */
  settings: { [name: string]: JsonValue };
}

export interface DryRunQuery {
  sql: string;
  parameters: QueryParam[];
  /** Unqualified tables are looked up here. */
  default_dataset: string;
}

export interface DryRunRequest {
  tenantId: string;
  project: string;
  /** The variables, as a run's body gives them. */
  body: Readonly<Record<string, unknown>>;
  /** Unix milliseconds: decides what `today` is. */
  now: number;
}

/**
 * Resolves a template for a tenant as a run at `now` would; `resolved` has its steps as a runner gets them. All problems
 * of the variables at once.
 */
export function dryRun(
  template: Template,
  { tenantId, project, body, now }: DryRunRequest,
): { ok: DryRun; resolved: readonly ResolvedStep[] } | { problems: Problem[] } {
  const read = resolveParameters(template, body, now);
  if ("problems" in read) return read;
  const resolved = resolve(template, { tenantId, runId: NO_RUN, project, values: read.values });
  if ("problems" in resolved) return resolved;
  const { provider, domain, name } = template;
  const { configVersion, pipelineId, description, steps } = resolved.ok;
  return {
    ok: {
      provider,
      domain,
      name,
      config_version: configVersion,
      pipeline_id: pipelineId,
      description,
      parameters: read.values,
      steps: dryRunSteps(steps),
    },
    resolved: steps,
  };
}

function dryRunSteps(steps: readonly ResolvedStep[]): DryRunStep[] {
  const dependsOn = new Map(steps.map((step, i) => [step.stepId, dependencies(step, steps[i - 1])]));
  const stages = new Map<string, number>();
  const stageOf = (id: string): number => {
    const known = stages.get(id);
    if (known !== undefined) return known;
    const stage = 1 + Math.max(0, ...(dependsOn.get(id) ?? []).map(stageOf));
    stages.set(id, stage);
    return stage;
  };
  return steps.map((step, index) => {
    const { stepId, onFailure, timeoutMinutes, dependsOn: _, retry, ...work } = step;
    const { type, ...own } = work;
    const query = "query" in own ? own.query : null;
    const settings = "query" in own ? { ...own, query: undefined } : own;
    return {
      step_name: stepId,
      step_type: type,
      step_index: index,
      stage: stageOf(stepId),
      depends_on: dependsOn.get(stepId) ?? [],
      on_failure: onFailure,
      timeout_minutes: timeoutMinutes,
      retry: plain(retry),
      query: query && { sql: query.sql, parameters: query.params, default_dataset: query.defaultDataset },
      settings: plainMap(settings),
    };
  });
}

/** Where no step says what it depends on, each waits for the one before. */
function dependencies({ dependsOn }: ResolvedStep, before: ResolvedStep | undefined): string[] {
  if (dependsOn !== null) return [...dependsOn];
  return before === undefined ? [] : [before.stepId];
}

/** JSON with its keys in the API's spelling. */
function plain(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) return plainMap(value);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

function plainMap(value: object): { [name: string]: JsonValue } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.map(([name, member]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      plain(member),
    ]),
  );
}
