import { type Clock, sleep } from "@convergence/runtime/clock.ts";
import { checkMerge } from "../merge/check.ts";
import { checkedLabels, datasetName, destinationName, jobName, tableName } from "../names.ts";
import { type DryRun, type QueryJob, type TableRef, type Warehouse, WarehouseError } from "../port.ts";
import { failed, type JobRecord, Jobs } from "./jobs.ts";
import { loadedRows } from "./load.ts";
import { type Effect, notFound, type Row, Tables } from "./tables.ts";

export type { JobRecord, Row };

/** A call of the port; "job" is a submitted job's own run. */
export type Operation = Exclude<keyof Warehouse, "project" | "location"> | "job";

/**
 * What befalls a call: ok; fail (no effect, a transient error); unknown (the effect, then an error that leaves it
 * open); lost (no effect, the same error); job-fails (of a submit: accepted, the job then fails without effect).
 */
export type Outcome = "ok" | "fail" | "unknown" | "lost" | "job-fails";

/** `detail` is the call's object: a dataset, dataset.table, a job id, or a query's text. */
export interface Faults {
  before?(operation: Operation, detail: string): Outcome;
  /** Milliseconds of the clock before a call has its effect; of "job": how long the job runs. */
  delayMs?(operation: Operation, detail: string): number;
}

type Query = Pick<QueryJob, "sql" | "params" | "defaultDataset">;

export interface MemoryWarehouseOptions {
  clock: Clock;
  project?: string;
  location?: string;
  faults?: Faults;
  /** The rows that a query's text stands for, since no SQL is executed. Default: one row, {job_id}. */
  rowsOf?(job: QueryJob): Row[];
  /** The tables that a text reads. A query over a missing one fails. Default: none. */
  tablesOf?(query: Query): DryRun["referencedTables"];
  /** Answers `read`, which is refused without it. */
  read?(query: Query, rows: (table: TableRef) => Row[]): Row[];
}

export interface MemoryWarehouse extends Warehouse {
  /** A table's rows as `read` would give them, in the order of their writing; none for a missing table. */
  rows(table: TableRef): Row[];
  /** All jobs, in the order of their submission. */
  jobs(): JobRecord[];
}

const READS: ReadonlySet<Operation> = new Set([
  "getDataset",
  "getTable",
  "getJob",
  "waitForJob",
  "jobRows",
  "dryRun",
  "read",
]);

/**
 * A warehouse in memory, for the simulator and fast tests: the port's semantics, faults on demand, no SQL. It is
 * deterministic and waits on the handed-in clock alone.
 */
export function memoryWarehouse(options: MemoryWarehouseOptions): MemoryWarehouse {
  const { clock, faults = {}, project = "gac-prod-471220", location = "US" } = options;
  const tables = new Tables(() => clock.now());
  const jobs = new Jobs(clock);

  /** One call: its delay, its fault, its effect. */
  async function run<T>(
    operation: Operation,
    detail: string,
    effect: (outcome: Outcome) => T | Promise<T>,
  ): Promise<T> {
    const outcome = faults.before?.(operation, detail) ?? "ok";
    const delay = faults.delayMs?.(operation, detail) ?? 0;
    if (delay > 0) await sleep(clock, delay);
    if (outcome === "ok" || outcome === "job-fails") return await effect(outcome);
    if (outcome === "unknown") await settled(() => effect(outcome));
    throw simulated(operation, detail, outcome);
  }

  function missingTable(query: Query): TableRef | undefined {
    const read = options.tablesOf?.(query) ?? [];
    return read.find((table) => table.project === project && tables.find(table) === null);
  }

  function runQuery(job: QueryJob): Effect {
    const missing = missingTable(job);
    if (missing) return notFound(`Table ${missing.dataset}.${missing.table}`);
    const rows = (options.rowsOf ?? oneRow)(job);
    return job.destination === null
      ? { rows: rows.length, result: rows }
      : tables.write(job.destination, rows);
  }

  function submit(jobId: string, outcome: Outcome, submitted: JobRecord["submitted"], effect: () => Effect) {
    const runs = faults.delayMs?.("job", jobId) ?? 0;
    const limit =
      "query" in submitted
        ? (submitted.query.timeoutMs ?? Number.POSITIVE_INFINITY)
        : Number.POSITIVE_INFINITY;
    const end = () => {
      if (outcome === "job-fails")
        return failed({ reason: "backendError", message: "simulated job failure" });
      if (runs > limit) return failed({ reason: "timeout", message: `Job timed out after ${limit} ms` });
      return effect();
    };
    return jobs.submit(jobId, submitted, Math.min(runs, limit), end);
  }

  return {
    project,
    location,
    getDataset: async (dataset) =>
      run("getDataset", datasetName(dataset), () => {
        const labels = tables.labels(dataset);
        return labels && { location, labels: { ...labels } };
      }),
    createDataset: async (dataset, labels) => {
      const own = checkedLabels(labels);
      return run("createDataset", datasetName(dataset), () => tables.createDataset(dataset, own));
    },
    getTable: async (table) =>
      run("getTable", named(table), () => {
        const found = tables.find(table);
        return found && { createdAt: found.createdAt, schema: { fields: structuredClone(found.fields) } };
      }),
    createTable: async (table, shape) =>
      run("createTable", named(table), () => tables.createTable(table, structuredClone(shape))),
    deleteTable: async (table) => run("deleteTable", named(table), () => tables.deleteTable(table)),
    submitQuery: async (job) => {
      datasetName(job.defaultDataset);
      checkedLabels(job.labels);
      if (job.destination) destinationName(job.destination.table);
      return run("submitQuery", jobName(job.jobId), (outcome) =>
        submit(job.jobId, outcome, { query: job }, () => runQuery(job)),
      );
    },
    submitMerge: async (job) => {
      checkMerge(job);
      named(job.table);
      checkedLabels(job.labels);
      return run("submitMerge", jobName(job.jobId), (outcome) =>
        submit(job.jobId, outcome, { merge: job }, () => tables.merge(job)),
      );
    },
    submitDrop: async (job) => {
      const { dataset, table } = job.what;
      const detail = table === undefined ? datasetName(dataset) : named({ dataset, table });
      jobName(job.jobId);
      return run("submitDrop", detail, (outcome) =>
        submit(job.jobId, outcome, { drop: job }, () => tables.drop(job.what)),
      );
    },
    submitLoad: async (job) => {
      checkedLabels(job.labels);
      destinationName(job.destination.table);
      const loaded = await loadedRows(job);
      return run("submitLoad", jobName(job.jobId), (outcome) =>
        submit(job.jobId, outcome, { load: job }, () =>
          "error" in loaded ? loaded : tables.write(job.destination, loaded.rows),
        ),
      );
    },
    getJob: async (jobId) => run("getJob", jobName(jobId), () => jobs.info(jobId)),
    waitForJob: async (jobId, ms) =>
      run("waitForJob", jobName(jobId), async () => {
        await jobs.wait(jobId, ms);
        const job = jobs.info(jobId);
        if (job === null) throw new WarehouseError("notFound", `there is no job ${jobId}`);
        return job;
      }),
    jobRows: async (jobId) =>
      run("jobRows", jobName(jobId), () => {
        const rows = jobs.rows(jobId);
        if (rows === undefined) throw new WarehouseError("notFound", `there are no rows of a job ${jobId}`);
        return structuredClone(rows);
      }),
    cancelJob: async (jobId) => run("cancelJob", jobName(jobId), () => jobs.cancel(jobId)),
    dryRun: async (query) =>
      run("dryRun", query.sql, () => {
        const missing = missingTable(query);
        if (missing)
          throw new WarehouseError("notFound", `Not found: Table ${missing.dataset}.${missing.table}`);
        return {
          referencedTables: options.tablesOf?.(query) ?? [],
          bytesProcessed: 0,
          statementType: "SELECT",
          fields: [],
        };
      }),
    read: async (query) =>
      run("read", query.sql, () => {
        if (!options.read)
          throw new WarehouseError("notImplemented", "this memory warehouse executes no SQL");
        return options.read(query, rows);
      }),
    rows,
    jobs: () => jobs.records(),
  };

  function rows(table: TableRef): Row[] {
    return (tables.find(table)?.rows ?? []).map((row) => structuredClone(row.values));
  }
}

function oneRow(job: QueryJob): Row[] {
  return [{ job_id: job.jobId }];
}

function named(table: TableRef): string {
  return `${datasetName(table.dataset)}.${tableName(table.table)}`;
}

/** Waits for an effect whose answer, good or bad, nobody gets. */
async function settled(effect: () => unknown): Promise<void> {
  try {
    await effect();
  } catch {
    // The answer is lost, a failure's too.
  }
}

function simulated(operation: Operation, detail: string, outcome: Outcome): WarehouseError {
  if (outcome === "fail") {
    return new WarehouseError("backendError", `simulated failure of ${operation} ${detail}`, {
      transient: true,
    });
  }
  return new WarehouseError("network", `simulated loss of the answer to ${operation} ${detail}`, {
    transient: true,
    unknown: !READS.has(operation),
  });
}
