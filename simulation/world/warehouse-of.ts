import type { Warehouse } from "@convergence/warehouse/port.ts";
import type { Process } from "./process.ts";

/**
 * The warehouse as one process sees it: each call is one of its effects. `calling` is told who calls, just before
 * the warehouse decides what befalls the call.
 */
export function warehouseOf(
  process: Process,
  warehouse: Warehouse,
  calling: (process: Process) => void,
): Warehouse {
  const call = <T>(effect: string, perform: () => Promise<T>): Promise<T> =>
    process.effect(effect, () => {
      calling(process);
      return perform();
    });
  return {
    project: warehouse.project,
    location: warehouse.location,
    getDataset: (dataset) => call("getDataset", () => warehouse.getDataset(dataset)),
    createDataset: (dataset, labels, description) =>
      call("createDataset", () => warehouse.createDataset(dataset, labels, description)),
    getTable: (table) => call("getTable", () => warehouse.getTable(table)),
    createTable: (table, shape) => call("createTable", () => warehouse.createTable(table, shape)),
    deleteTable: (table) => call("deleteTable", () => warehouse.deleteTable(table)),
    submitQuery: (job) => call("submitQuery", () => warehouse.submitQuery(job)),
    submitMerge: (job) => call("submitMerge", () => warehouse.submitMerge(job)),
    submitDrop: (job) => call("submitDrop", () => warehouse.submitDrop(job)),
    submitLoad: (job) => call("submitLoad", () => warehouse.submitLoad(job)),
    getJob: (jobId) => call("getJob", () => warehouse.getJob(jobId)),
    waitForJob: (jobId, ms) => call("waitForJob", () => warehouse.waitForJob(jobId, ms)),
    jobRows: (jobId) => call("jobRows", () => warehouse.jobRows(jobId)),
    cancelJob: (jobId) => call("cancelJob", () => warehouse.cancelJob(jobId)),
    dryRun: (query) => call("dryRun", () => warehouse.dryRun(query)),
    read: (query) => call("read", () => warehouse.read(query)),
  };
}
