/** The step types of this release. A new one is added here. */
import { bigqueryLoad } from "./bigquery-load.ts";
import { bigqueryQuery } from "./bigquery-query.ts";
import { dataQuality } from "./data-quality.ts";
import { datasetCheck } from "./dataset-check.ts";
import { noop } from "./noop.ts";
import { reconciliation } from "./reconciliation.ts";
import type { StepType } from "./step-type.ts";

export const STEP_TYPES: readonly StepType[] = [
  bigqueryQuery,
  bigqueryLoad,
  dataQuality,
  reconciliation,
  datasetCheck,
  noop,
];

/** Names of the contract that this release does not run yet. */
export const LATER_STEP_TYPES: readonly string[] = ["http_ingest", "ingest"];

/** The step type of a name, today's or an earlier one. */
export function findStepType(name: string): StepType | undefined {
  return STEP_TYPES.find((type) => type.name === name || type.earlierNames.includes(name));
}
