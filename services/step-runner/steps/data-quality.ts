import type { ResolvedStep } from "@convergence/pipeline";
import { qualityStatement } from "@convergence/pipeline/data-quality/statement.ts";
import {
  type FailedExpectation,
  type QualityVerdict,
  qualityVerdict,
} from "@convergence/pipeline/data-quality/verdict.ts";
import type { MergeJob } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import { proven } from "./proven.ts";
import { rowsOf, stepJob, stepJobId } from "./step-job.ts";
import { type StepContext, StepFailed, type StepResult, stepLabels } from "./step-type.ts";

type QualityStep = Extract<ResolvedStep, { type: "data_quality" | "reconciliation" }>;

/** So many failed checks are named in a step's error; dq_results has them all. */
const MAX_NAMED = 5;

/**
 * Checks a table by one statement and records what was found in dq_results, once a try. Fails where the whole is a FAIL
 * and the step does not say `mode: warn`; another try would find the same.
 */
export async function dataQuality(step: QualityStep, context: StepContext): Promise<StepResult> {
  const { warehouse, task, clock } = context;
  const dataset = task.step.tenant_name;
  const table = await warehouse.getTable({ dataset, table: step.table });
  if (table === null) throw new StepFailed(`Table ${step.table}, which is to be checked, is missing.`);
  const executedAt = new Date(clock.now()).toISOString();
  const { sql, params, checks } = qualityStatement(step, table.schema.fields, executedAt);
  const query = { ...stepJob(step.timeoutMinutes, context), sql, params };
  await proven(query, context);
  const { job, rows } = await rowsOf(context, query);
  const verdict = qualityVerdict(checks, rows[0] ?? {});
  const id = `${task.step.run_id}-${task.step.index}-${task.try}`;
  await record(id, step, verdict, executedAt, context);
  const result = {
    rows: verdict.rows,
    bytes: job.bytesProcessed,
    metadata: {
      job_id: job.jobId,
      try: task.try,
      dq_result_id: id,
      overall_status: verdict.status,
      expectations_passed: verdict.passed,
      expectations_failed: verdict.failures.length,
    },
  };
  if (verdict.status === "FAIL" && step.mode === "fail") {
    throw new StepFailed(complaint(step.table, verdict), false, result);
  }
  return result;
}

/** Names what failed and counts it: samples and sums are in the tenant's dq_results alone, errors are logged too. */
function complaint(table: string, { passed, failures }: QualityVerdict): string {
  const failing = failures.filter(({ severity }) => severity === "fail");
  const named = failing.slice(0, MAX_NAMED).map(told).join("; ");
  const more = failing.length > MAX_NAMED ? `; and ${failing.length - MAX_NAMED} more` : "";
  return `${failures.length} of ${passed + failures.length} checks of ${table} failed: ${named}${more}. See dq_results.`;
}

function told({ expectation, failed, observed }: FailedExpectation): string {
  return failed === null ? `${expectation} cannot be checked: ${observed}` : `${expectation}: ${failed}`;
}

const COLUMNS: MergeJob["columns"] = [
  { name: "dq_result_id", type: "STRING" },
  { name: "pipeline_logging_id", type: "STRING" },
  { name: "tenant_id", type: "STRING" },
  { name: "target_table", type: "STRING" },
  { name: "dq_config_id", type: "STRING" },
  { name: "executed_at", type: "TIMESTAMP" },
  { name: "expectations_passed", type: "INT64" },
  { name: "expectations_failed", type: "INT64" },
  { name: "failed_expectations", type: "JSON" },
  { name: "overall_status", type: "STRING" },
  { name: "ingestion_date", type: "DATE" },
];

/** Writes the row of this try: merged by its id, under a job id of its own, so that it is there once. */
async function record(
  id: string,
  step: QualityStep,
  { status, passed, failures }: QualityVerdict,
  executedAt: string,
  { warehouse, task, trace }: StepContext,
): Promise<void> {
  const { run_id, tenant_name, step_id, run_accepted_at } = task.step;
  const row = {
    dq_result_id: id,
    pipeline_logging_id: run_id,
    tenant_id: tenant_name,
    target_table: step.table,
    dq_config_id: `${step.template}/${step_id}`,
    executed_at: executedAt,
    expectations_passed: passed,
    expectations_failed: failures.length,
    failed_expectations: JSON.stringify(failures),
    overall_status: status,
    ingestion_date: step.day ?? new Date(run_accepted_at).toISOString().slice(0, 10),
  };
  await runOnce(warehouse, `${stepJobId(task)}_dq`, (jobId) =>
    warehouse.submitMerge({
      jobId,
      table: { dataset: tenant_name, table: "dq_results" },
      columns: COLUMNS,
      keys: ["dq_result_id"],
      version: "executed_at",
      partition: "ingestion_date",
      required: COLUMNS.map(({ name }) => name),
      rows: [row],
      labels: stepLabels(task, trace),
    }),
  );
}
