import type { ResolvedDestination } from "@convergence/pipeline";
import { isTransient, type JobInfo, type QueryJob, WarehouseError } from "@convergence/warehouse/port.ts";
import { finished } from "@convergence/warehouse/run-once.ts";
import { type StepContext, StepFailed, stepLabels } from "./step-type.ts";

/** The id of a step's job: a second claimant of a try adopts the job of the first, so that its effect happens once. */
export function stepJobId(task: StepContext["task"]): string {
  return `${task.step.run_id}_${task.step.index}_${task.try}`;
}

/** What a query job of a step has beside its text. */
export function stepJob(
  timeoutMinutes: number | null,
  { task, trace }: StepContext,
): Pick<QueryJob, "jobId" | "defaultDataset" | "labels" | "timeoutMs"> {
  return {
    jobId: stepJobId(task),
    defaultDataset: task.step.tenant_name,
    labels: stepLabels(task, trace),
    ...(timeoutMinutes === null ? {} : { timeoutMs: timeoutMinutes * 60_000 }),
  };
}

/** Where a job that is no merge writes to. */
export function jobDestination(
  dataset: string,
  { table, partitionBy, clusterBy }: ResolvedDestination,
  write: Exclude<ResolvedDestination["write"], "MERGE">,
): NonNullable<QueryJob["destination"]> {
  return {
    dataset,
    table,
    write,
    ...(partitionBy === null ? {} : { partitionBy }),
    ...(clusterBy === null ? {} : { clusterBy }),
  };
}

/**
 * Waits for a job's end.
 * @param told says better what to do about an error, where it can
 * @throws StepFailed where the job failed
 */
export async function jobDone(
  { warehouse, stopped }: StepContext,
  jobId: string,
  told: (message: string) => StepFailed | null = () => null,
): Promise<JobInfo> {
  // A job that BigQuery cannot be asked to end goes on to its own end: its run is over all the same.
  const stop = () => void warehouse.cancelJob(jobId).catch(() => {});
  stopped.addEventListener("abort", stop, { once: true });
  if (stopped.aborted) stop();
  const done = await finished(warehouse, jobId).finally(() => stopped.removeEventListener("abort", stop));
  if (done.error === null) return done;
  const { reason, message } = done.error;
  throw told(message) ?? new StepFailed(`${reason}: ${message}`, isTransient(reason));
}

/** So often a query is run anew whose rows are gone when they are fetched. */
const MAX_RUNS = 3;

/** Runs a query without destination, or finds it run, and gives its rows. @throws StepFailed where it failed */
export async function rowsOf(
  context: StepContext,
  job: Omit<QueryJob, "destination">,
): Promise<{ job: JobInfo; rows: Record<string, unknown>[] }> {
  const { warehouse } = context;
  for (let run = 1; ; run += 1) {
    const jobId = run === 1 ? job.jobId : `${job.jobId}_${run}`;
    await warehouse.submitQuery({ ...job, jobId, destination: null });
    const done = await jobDone(context, jobId);
    try {
      return { job: done, rows: await warehouse.jobRows(jobId) };
    } catch (error) {
      // A local BigQuery that was started again knows the job and has lost its rows.
      const isGone = error instanceof WarehouseError && error.reason === "notFound";
      if (!isGone || run === MAX_RUNS) throw error;
    }
  }
}
