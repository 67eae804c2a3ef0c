import { checkDryRun, checkIsolation } from "@convergence/pipeline/isolation/index.ts";
import { isTransient, type JobInfo, type QueryJob } from "@convergence/warehouse/port.ts";
import { finished } from "@convergence/warehouse/run-once.ts";
import { type StepContext, StepFailed, type StepType, stepLabels } from "./step-type.ts";

/**
 * Runs a query, its result into a table where the step names one. The job's id is made of run, step and try: a
 * second claimant of the step adopts the job of the first, so that an append happens once.
 */
export const bigqueryQuery: StepType<"bigquery_query"> = async (step, context) => {
  const { warehouse, task } = context;
  const job = queryJob(step, context);
  const adopted = task.attempt > 1 && (await warehouse.getJob(job.jobId)) !== null;
  if (!adopted) {
    await checkTables(job, context);
    await warehouse.submitQuery(job);
  }
  const done = await finished(warehouse, job.jobId);
  if (done.error !== null) throw jobFailed(done.error);
  return { rows: done.rows, bytes: done.bytesProcessed, metadata: { job_id: job.jobId, try: task.try } };
};

function queryJob(step: Parameters<typeof bigqueryQuery>[0], { task, trace }: StepContext): QueryJob {
  const { destination, query, timeoutMinutes } = step;
  const dataset = task.step.tenant_name;
  return {
    jobId: `${task.step.run_id}_${task.step.index}_${task.try}`,
    sql: query.sql,
    params: query.params,
    defaultDataset: dataset,
    destination:
      destination === null
        ? null
        : {
            dataset,
            table: destination.table,
            write: destination.write,
            ...(destination.partitionBy === null ? {} : { partitionBy: destination.partitionBy }),
            ...(destination.clusterBy === null ? {} : { clusterBy: destination.clusterBy }),
          },
    labels: stepLabels(task, trace),
    ...(timeoutMinutes === null ? {} : { timeoutMs: timeoutMinutes * 60_000 }),
  };
}

/** Proves that the query reads the tenant's own tables only: by its text first, then by BigQuery's own account. */
async function checkTables(job: QueryJob, { warehouse }: StepContext): Promise<void> {
  const own = { project: warehouse.project, dataset: job.defaultDataset };
  const byText = checkIsolation(job.sql, own);
  if (!byText.ok) throw new StepFailed(byText.message);
  const byDryRun = checkDryRun((await warehouse.dryRun(job)).referencedTables, own);
  if (!byDryRun.ok) throw new StepFailed(byDryRun.message);
}

function jobFailed({ reason, message }: NonNullable<JobInfo["error"]>): StepFailed {
  return new StepFailed(`${reason}: ${message}`, isTransient(reason));
}
