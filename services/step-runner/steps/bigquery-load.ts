import { createHash } from "node:crypto";
import type { JobInfo, LoadJob, LoadSource, TableRef } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import { type InboxFile, inboxFiles, lineAt, openInboxFile } from "./inbox.ts";
import { mergeFailure, mergeJob } from "./merge-query.ts";
import { jobDestination, jobDone, stepJob, stepJobId } from "./step-job.ts";
import { type StepContext, StepFailed, type StepResult, type StepType, stepLabels } from "./step-type.ts";

type Step = Parameters<typeof bigqueryLoad>[0];

/**
 * Loads files into a table. One load that needs no merge goes there itself, under the id of the step's job. Several
 * files, and a merge, go by way of a table of this try's own, from which one job writes all of them at once: so the
 * destination changes whole and once. Whoever comes second adopts the jobs that were sent: what they read stands, also
 * where a file was changed since. Only the next try, after a failure, reads anew.
 */
export const bigqueryLoad: StepType<"bigquery_load"> = async (step, context) => {
  const { warehouse, task } = context;
  const own = stepJob(step.timeoutMinutes, context);
  const adopted = task.attempt > 1 && (await warehouse.getJob(own.jobId)) !== null;
  const { destination, source } = step;
  const files = "files" in source ? await named(source.files, adopted, context) : [];
  const [file = null] = files;
  const { write } = destination;
  if (adopted || write === "MERGE" || files.length > 1) return staged(step, files, adopted, context);
  await submit(
    context,
    {
      ...loadOf(step, file, context),
      jobId: own.jobId,
      destination: jobDestination(own.defaultDataset, destination, write),
    },
    file,
  );
  const done = await loaded(context, own.jobId, file);
  return resultOf(done, done.bytesProcessed, Math.max(1, files.length), context);
};

/** The files; where the job was sent already, as far as they can be told still. */
async function named(
  patterns: readonly string[],
  adopted: boolean,
  { inbox, task }: StepContext,
): Promise<InboxFile[]> {
  try {
    return await inboxFiles(inbox, task.step.tenant_name, patterns);
  } catch (error) {
    if (adopted && error instanceof StepFailed) return [];
    throw error;
  }
}

/** Loads into a table of this try's own; then one job, the step's, writes the destination from it. */
async function staged(
  step: Step,
  files: InboxFile[],
  adopted: boolean,
  context: StepContext,
): Promise<StepResult> {
  const { warehouse, task } = context;
  const own = stepJob(step.timeoutMinutes, context);
  const { destination } = step;
  const dataset = own.defaultDataset;
  const stage = { dataset, table: `_convergence_load_${stepJobId(task).replaceAll("-", "_")}` };
  const drop = () =>
    runOnce(warehouse, `${own.jobId}_drop`, (jobId) =>
      warehouse.submitDrop({ jobId, what: stage, labels: own.labels }),
    );
  try {
    const bytes = adopted ? null : await fill(step, files, stage, context);
    const [only = null] = files.length === 1 ? files : [];
    const done = await loaded(context, own.jobId, only, destination.keys);
    await drop();
    return resultOf(done, bytes ?? done.bytesProcessed, files.length, context);
  } catch (error) {
    // Where the warehouse was away the step goes on, and with this table.
    if (error instanceof StepFailed) await drop();
    throw error;
  }
}

/** Loads each file into the table `stage` and sends the step's job. Gives the bytes loaded. */
async function fill(step: Step, files: InboxFile[], stage: TableRef, context: StepContext): Promise<number> {
  const { warehouse } = context;
  const { jobId: own } = stepJob(step.timeoutMinutes, context);
  const there = await warehouse.getTable({ dataset: stage.dataset, table: step.destination.table });
  const schema = step.schema ?? there?.schema.fields ?? null;
  let bytes = 0;
  for (const file of files.length === 0 ? [null] : files) {
    const jobId = `${own}_${createHash("sha256")
      .update(file?.name ?? "")
      .digest("hex")
      .slice(0, 16)}`;
    const job = { ...loadOf({ ...step, schema }, file, context), jobId };
    await submit(context, { ...job, destination: { ...stage, write: "WRITE_APPEND" } }, file);
    bytes += (await loaded(context, jobId, file)).bytesProcessed;
  }
  await write(step, stage, context);
  return bytes;
}

/** Sends the step's job: what was loaded, into the destination. */
async function write(step: Step, stage: TableRef, context: StepContext): Promise<void> {
  const { warehouse } = context;
  const { destination } = step;
  const source = {
    ...stepJob(step.timeoutMinutes, context),
    sql: `SELECT * FROM \`${stage.table}\``,
    params: [],
  };
  const { write: mode } = destination;
  if (mode === "MERGE") {
    const fields = (await warehouse.getTable(stage))?.schema.fields ?? [];
    await warehouse.submitQuery(await mergeJob(source, destination, fields, context));
    return;
  }
  await warehouse.submitQuery({
    ...source,
    destination: jobDestination(stage.dataset, destination, mode),
  });
}

type Load = Omit<LoadJob, "jobId" | "destination" | "source"> & { uris: readonly string[] | null };

function loadOf(step: Step, file: InboxFile | null, { task, trace }: StepContext): Load {
  const { format, schema, source, timeoutMinutes } = step;
  return {
    uris: file === null && "uris" in source ? source.uris : null,
    format,
    schema,
    labels: stepLabels(task, trace),
    ...(timeoutMinutes === null ? {} : { timeoutMs: timeoutMinutes * 60_000 }),
  };
}

/** Sends a load's job, with its file; not the file again where the job is there already. */
async function submit(
  { warehouse, task }: StepContext,
  { uris, ...job }: Load & Pick<LoadJob, "jobId" | "destination">,
  from: InboxFile | null,
): Promise<void> {
  if (task.attempt > 1 && (await warehouse.getJob(job.jobId)) !== null) return;
  const send = (source: LoadSource) => warehouse.submitLoad({ ...job, source });
  if (from === null) {
    await send({ uris: uris ?? [] });
    return;
  }
  const { file, size } = await openInboxFile(from);
  const stream = file.createReadStream();
  try {
    await send({ stream, size });
  } finally {
    stream.destroy();
  }
}

/** Waits for a load; its error names file and line. */
async function loaded(
  context: StepContext,
  jobId: string,
  file: InboxFile | null,
  keys: readonly string[] = [],
): Promise<JobInfo> {
  try {
    return await jobDone(context, jobId, (message) => mergeFailure(message, keys));
  } catch (error) {
    if (file === null || !(error instanceof StepFailed)) throw error;
    const position = /starting at (?:position|location):? ?(\d+)/.exec(error.message)?.[1];
    const line = position === undefined ? null : await lineAt(file, Number(position));
    const place = line === null ? file.name : `${file.name}, line ${line}`;
    throw new StepFailed(`${place}: ${error.message}`, error.retryable);
  }
}

function resultOf(done: JobInfo, bytes: number, files: number, { task }: StepContext): StepResult {
  return { rows: done.rows, bytes, metadata: { job_id: done.jobId, try: task.try, files } };
}
