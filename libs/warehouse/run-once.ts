import { type JobInfo, type Warehouse, WarehouseError } from "./port.ts";

/** How long one look at a running job takes, in milliseconds. */
const LOOK_MS = 10_000;
/** How many tries of one effect may fail before it is given up. */
const MAX_TRIES = 5;

/**
 * Has one effect done by a job of a deterministic id, `<name>_<try>`: an id that was submitted before is waited for
 * and its success adopted; only a job that is known to have failed is followed by the next try.
 * @throws WarehouseError when submitting fails, or when the last try failed
 */
export async function runOnce(
  warehouse: Warehouse,
  name: string,
  submit: (jobId: string) => Promise<"started" | "exists">,
): Promise<JobInfo> {
  for (let tryNumber = 1; ; tryNumber += 1) {
    const jobId = `${name}_${tryNumber}`;
    await submit(jobId);
    const job = await finished(warehouse, jobId);
    if (job.error === null) return job;
    if (tryNumber === MAX_TRIES) throw new WarehouseError(job.error.reason, job.error.message);
  }
}

/** Waits for a job's end, however long it takes. */
export async function finished(warehouse: Warehouse, jobId: string): Promise<JobInfo> {
  for (;;) {
    const job = await warehouse.waitForJob(jobId, LOOK_MS);
    if (job.state === "DONE") return job;
  }
}
