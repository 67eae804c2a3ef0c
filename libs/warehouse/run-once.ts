import { isTransient, type JobInfo, type Warehouse, WarehouseError } from "./port.ts";

/** How long one look at a running job takes, in milliseconds. */
const LOOK_MS = 10_000;
/** How many jobs that fail one call starts before it gives up for now. */
const MAX_STARTED = 5;

/**
 * Has one effect done by a job of a deterministic id, `<name>_<try>`: an id that was submitted before is waited for
 * and its success adopted; only a job that is known to have failed is followed by the next try. Called again, it
 * goes on behind all that failed before, however many: an outage that outlasts some tries stops nothing for good.
 * @throws WarehouseError when submitting fails, or when too many jobs of this call failed
 */
export async function runOnce(
  warehouse: Warehouse,
  name: string,
  submit: (jobId: string) => Promise<"started" | "exists">,
): Promise<JobInfo> {
  let started = 0;
  for (let tryNumber = 1; ; tryNumber += 1) {
    const jobId = `${name}_${tryNumber}`;
    if ((await submit(jobId)) === "started") started += 1;
    const job = await finished(warehouse, jobId);
    if (job.error === null) return job;
    if (started < MAX_STARTED) continue;
    const { reason, message } = job.error;
    throw new WarehouseError(reason, message, { transient: isTransient(reason) });
  }
}

/** Waits for a job's end, however long it takes. */
export async function finished(warehouse: Warehouse, jobId: string): Promise<JobInfo> {
  for (;;) {
    const job = await warehouse.waitForJob(jobId, LOOK_MS);
    if (job.state === "DONE") return job;
  }
}
