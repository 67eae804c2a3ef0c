import type { ResolvedStep } from "@convergence/pipeline";
import { bigqueryLoad } from "./bigquery-load.ts";
import { bigqueryQuery } from "./bigquery-query.ts";
import { dataQuality } from "./data-quality.ts";
import { datasetCheck } from "./dataset-check.ts";
import { noop } from "./noop.ts";
import { type StepContext, StepFailed, type StepResult } from "./step-type.ts";

export { type StepContext, StepFailed, type StepResult } from "./step-type.ts";

/** Executes a step by its type: the one place where a type meets its executor. */
export function executeStep(step: ResolvedStep, context: StepContext): Promise<StepResult> {
  switch (step.type) {
    case "bigquery_query":
      return bigqueryQuery(step, context);
    case "bigquery_load":
      return bigqueryLoad(step, context);
    case "data_quality":
    case "reconciliation":
      return dataQuality(step, context);
    case "dataset_check":
      return datasetCheck(step, context);
    case "noop":
      return noop(step, context);
    default:
      return unknownType(step);
  }
}

/** A newer release's task. */
async function unknownType(step: { type?: unknown }): Promise<never> {
  throw new StepFailed(
    `This runner knows no step type "${String(step.type)}": upgrade it, or take the step out of the template.`,
  );
}
