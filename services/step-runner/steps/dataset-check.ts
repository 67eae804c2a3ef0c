import type { TableShape } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import { type StepContext, StepFailed, type StepType, stepLabels } from "./step-type.ts";

const PROBE: TableShape = {
  description: "Made and deleted by dataset_check",
  schema: {
    fields: [
      { name: "run_id", type: "STRING", mode: "REQUIRED" },
      { name: "attempt", type: "INTEGER", mode: "REQUIRED" },
    ],
  },
};

/** Proves each named table readable, and the dataset writeable: a table is made, written and deleted again. */
export const datasetCheck: StepType<"dataset_check"> = async (step, context) => {
  const dataset = context.task.step.tenant_name;
  await Promise.all(step.tables.map((table) => checkReadable(dataset, table, context)));
  await checkWriteable(dataset, context);
  return { rows: null, bytes: null, metadata: { tables: step.tables.length } };
};

async function checkReadable(dataset: string, table: string, { warehouse }: StepContext): Promise<void> {
  if ((await warehouse.getTable({ dataset, table })) === null) {
    throw new StepFailed(
      `Table ${dataset}.${table} is missing: onboard the tenant with force_recreate_tables.`,
    );
  }
  const sql = `SELECT COUNT(*) AS row_count FROM \`${table}\``;
  await warehouse.dryRun({ sql, params: [], defaultDataset: dataset });
}

async function checkWriteable(dataset: string, { warehouse, task, trace }: StepContext): Promise<void> {
  const { run_id } = task.step;
  const table = { dataset, table: `_convergence_probe_${run_id}` };
  await warehouse.createTable(table, PROBE);
  try {
    await runOnce(warehouse, `${run_id}_${task.step.index}_probe_${task.attempt}`, (jobId) =>
      warehouse.submitMerge({
        jobId,
        table,
        columns: [
          { name: "run_id", type: "STRING" },
          { name: "attempt", type: "INT64" },
        ],
        keys: ["run_id"],
        version: "attempt",
        partition: null,
        required: ["run_id", "attempt"],
        rows: [{ run_id, attempt: task.attempt }],
        labels: stepLabels(task, trace),
      }),
    );
  } finally {
    await warehouse.deleteTable(table);
  }
}
