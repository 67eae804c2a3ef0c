import type { QueryJob } from "@convergence/warehouse/port.ts";
import { mergeFailure, mergeJob } from "./merge-query.ts";
import { proven } from "./proven.ts";
import { jobDestination, jobDone, stepJob } from "./step-job.ts";
import type { StepContext, StepType } from "./step-type.ts";

type Step = Parameters<typeof bigqueryQuery>[0];

/**
 * Runs a query, its result into a table where the step names one. The job's id is made of run, step and try: a
 * second claimant of the step adopts the job of the first, so that an append happens once.
 */
export const bigqueryQuery: StepType<"bigquery_query"> = async (step, context) => {
  const { warehouse, task } = context;
  const own = stepJob(step.timeoutMinutes, context);
  const adopted = task.attempt > 1 && (await warehouse.getJob(own.jobId)) !== null;
  if (!adopted) await warehouse.submitQuery(await jobOf(step, own, context));
  const keys = step.destination?.keys ?? [];
  const done = await jobDone(context, own.jobId, (message) => mergeFailure(message, keys));
  return { rows: done.rows, bytes: done.bytesProcessed, metadata: { job_id: own.jobId, try: task.try } };
};

/** The step's job, proven to read the tenant's own tables only. */
async function jobOf(step: Step, own: ReturnType<typeof stepJob>, context: StepContext): Promise<QueryJob> {
  const { destination, query } = step;
  const job = { ...own, sql: query.sql, params: query.params };
  const { fields } = await proven(job, context);
  if (destination === null) return { ...job, destination: null };
  const { write } = destination;
  if (write === "MERGE") return mergeJob(job, destination, fields, context);
  return { ...job, destination: jobDestination(own.defaultDataset, destination, write) };
}
