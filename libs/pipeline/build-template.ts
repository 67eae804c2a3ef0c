/** Compiles a file in which no fault was found. */
import { DEFAULT_TIMEZONE, isMap } from "./check.ts";
import { variablesIn } from "./check-strings.ts";
import { IMPLICIT_DATE } from "./parameters.ts";
import { fullForm, headOfStep, type StepHead, shortForm, type TemplateHead } from "./schema.ts";
import { showPath } from "./source.ts";
import type { VariableTypes } from "./sql/compile.ts";
import { bigqueryQuery } from "./step-types/bigquery-query.ts";
import { findStepType } from "./step-types/index.ts";
import { compileText, render } from "./text.ts";
import type { Parameter, Retry, Scalar, Template, TemplateName, TemplateStep } from "./types.ts";

/** The name of the short form's only step. */
const SHORT_FORM_STEP = "query";

export function buildTemplate(
  raw: unknown,
  types: VariableTypes,
  meta: TemplateName & { file: string; configVersion: string },
): Template {
  const isShort = isMap(raw) && !("steps" in raw);
  const head = isShort ? shortForm.parse(raw) : fullForm.parse(raw);
  const steps = "steps" in head ? buildSteps(head.steps, head, types) : [];
  return {
    ...meta,
    description: head.description ?? "",
    parameters: buildParameters(head, variablesIn(raw)),
    strictParameters: head.strict_parameters ?? false,
    timeoutMinutes: head.timeout_minutes ?? null,
    concurrency: buildConcurrency(head.concurrency),
    schedule: buildSchedule(head.schedule),
    steps: isShort ? [shortFormStep(raw, head, types)] : steps,
    compiled: {
      pipelineId: compileText(head.pipeline_id ?? "{pipeline_id}"),
      description: compileText(head.description ?? ""),
    },
  };
}

function shortFormStep(raw: unknown, head: TemplateHead, types: VariableTypes): TemplateStep {
  return {
    stepId: SHORT_FORM_STEP,
    type: bigqueryQuery.name,
    onFailure: "stop",
    timeoutMinutes: head.timeout_minutes ?? null,
    dependsOn: null,
    retry: null,
    path: "",
    resolve: bigqueryQuery.compile(raw, "", types),
  };
}

/** Where one step says what it depends on, those that say nothing depend on none. */
function buildSteps(raw: readonly unknown[], head: TemplateHead, types: VariableTypes): TemplateStep[] {
  const steps = raw.map((step, i) => buildStep(step, i, head, types));
  const isGraph = steps.some(({ dependsOn }) => dependsOn !== null);
  return isGraph ? steps.map((step) => ({ ...step, dependsOn: step.dependsOn ?? [] })) : steps;
}

function buildStep(raw: unknown, index: number, head: TemplateHead, types: VariableTypes): TemplateStep {
  const type = isMap(raw) && typeof raw.type === "string" ? findStepType(raw.type) : undefined;
  if (type === undefined) throw new TypeError("a step without a type is a fault, and faults are not built");
  const step = headOfStep.parse(raw);
  const path = showPath(["steps", index]);
  return {
    stepId: step.step_id,
    type: type.name,
    onFailure: step.on_failure ?? "stop",
    timeoutMinutes: step.timeout_minutes ?? head.timeout_minutes ?? null,
    dependsOn: step.depends_on ?? null,
    retry: buildRetry(step.retry),
    path,
    resolve: type.compile(raw, path, types),
  };
}

function buildConcurrency(given: TemplateHead["concurrency"]): Template["concurrency"] {
  if (given === undefined) return null;
  const { key = "{pipeline_id}", limit, policy = "queue" } = given;
  return { key: compileText(key), limit, policy };
}

/** Its texts are none of the run's: braces in them are faults of cron. */
function buildSchedule(given: TemplateHead["schedule"]): Template["schedule"] {
  return given === undefined ? null : { cron: given.cron, timezone: given.timezone ?? DEFAULT_TIMEZONE };
}

function buildRetry(retry: StepHead["retry"]): Retry | null {
  if (retry === undefined) return null;
  const { attempts, backoff = "exponential", pause_seconds = 1, max_pause_seconds = 60 } = retry;
  return { attempts, backoff, pauseSeconds: pause_seconds, maxPauseSeconds: max_pause_seconds };
}

function buildParameters(head: TemplateHead, used: ReadonlySet<string>): Parameter[] {
  const declared = Object.entries(head.parameters ?? {}).map(
    ([name, parameter]): Parameter => ({
      name,
      type: parameter.type,
      default: parameter.default === undefined ? undefined : unescapeBraces(parameter.default),
      required: parameter.default === undefined,
      description: String(unescapeBraces(parameter.description ?? "")),
    }),
  );
  if (!used.has(IMPLICIT_DATE) || declared.some(({ name }) => name === IMPLICIT_DATE)) return declared;
  return [
    ...declared,
    { name: IMPLICIT_DATE, type: "date", default: undefined, required: true, description: "" },
  ];
}

function unescapeBraces(value: Scalar): Scalar {
  return typeof value === "string" ? render(compileText(value), new Map()) : value;
}
