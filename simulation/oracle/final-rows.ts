import type { ResolvedStep } from "@convergence/pipeline";
import { iso } from "@convergence/runtime/iso.ts";
import type { MemoryWarehouse, Row } from "@convergence/warehouse/memory/warehouse.ts";
import type { Oracle } from "./oracle.ts";
import type { SeenRun } from "./runs.ts";
import { expectSame } from "./snapshots.ts";

type Violation = (what: string) => void;

/** The rows of pipeline_runs and step_logs are the counted log, folded. */
export function checkProjection(oracle: Oracle, warehouse: MemoryWarehouse, violation: Violation): void {
  for (const dataset of datasets(oracle)) {
    const runs = byId(
      warehouse.rows({ dataset, table: "pipeline_runs" }),
      "pipeline_logging_id",
      dataset,
      violation,
    );
    const steps = byId(
      warehouse.rows({ dataset, table: "step_logs" }),
      "step_logging_id",
      dataset,
      violation,
    );
    for (const [id, row] of runs)
      if (!oracle.runs.byId.has(id))
        violation(`${dataset} has a row of run ${id}, which was never accepted: ${JSON.stringify(row)}`);
    for (const [id, run] of oracle.runs.byId) {
      if (run.head.tenant_name !== dataset) continue;
      // What was recorded before the tables were made anew is gone, or was written again: either is right.
      const sure = run.seenAt >= (oracle.tablesMadeAt.get(run.tenantId) ?? Number.POSITIVE_INFINITY);
      checkRunRow(id, run, runs.get(id), sure, violation);
      run.steps.forEach((_, index) => {
        checkStepRow(id, run, index, steps.get(`${id}-${index}`), sure, violation);
      });
    }
  }
}

function datasets(oracle: Oracle): Set<string> {
  return new Set([...oracle.runs.byId.values()].map(({ head }) => head.tenant_name));
}

function byId(rows: Row[], id: string, dataset: string, violation: Violation): Map<string, Row> {
  const found = new Map<string, Row>();
  for (const row of rows) {
    const key = String(row[id]);
    if (found.has(key)) violation(`${dataset} has two rows of ${id} ${key}`);
    found.set(key, row);
  }
  return found;
}

function checkRunRow(
  id: string,
  run: SeenRun,
  row: Row | undefined,
  sure: boolean,
  violation: Violation,
): void {
  if (row === undefined) {
    if (sure) violation(`run ${id} of ${run.tenantId} has no row in pipeline_runs`);
    return;
  }
  if (!sure) return;
  const { head } = run;
  const wanted = {
    status: run.status,
    tenant_id: head.tenant_name,
    pipeline_id: head.pipeline_id,
    trigger_type: head.trigger_type,
    start_time: iso(head.accepted_at),
    end_time: iso(run.finishedAt),
    duration_ms: run.finishedAt === null ? null : run.finishedAt - head.accepted_at,
    error_message: run.error,
    worker_instance: run.worker,
    config_version: head.config_version,
    run_version: run.version,
  };
  expectSame(`the row of run ${id}`, wanted, pick(row, Object.keys(wanted)), violation);
}

function checkStepRow(
  id: string,
  run: SeenRun,
  index: number,
  row: Row | undefined,
  sure: boolean,
  violation: Violation,
): void {
  const step = run.steps[index];
  if (step === undefined || !sure) return;
  if (row === undefined) {
    if (sure) violation(`step ${index} of run ${id} has no row in step_logs`);
    return;
  }
  const wanted = {
    pipeline_logging_id: id,
    step_name: step.id,
    status: step.status,
    start_time: iso(step.startedAt),
    end_time: iso(step.finishedAt),
    rows_processed: step.rows,
    attempt: step.attempt,
    error_message: step.error,
    step_version: step.version,
  };
  expectSame(`the row of step ${index} of run ${id}`, wanted, pick(row, Object.keys(wanted)), violation);
}

/**
 * An append's rows are in its table once for each step that is COMPLETE, never for one that was SKIPPED (its turn had
 * not come), and at most once for any other.
 */
export function checkAppends(oracle: Oracle, warehouse: MemoryWarehouse, violation: Violation): void {
  const counts = new Map<string, Map<string, number>>();
  for (const [id, run] of oracle.runs.byId) {
    const dataset = run.head.tenant_name;
    const sure = run.seenAt >= (oracle.tablesMadeAt.get(run.tenantId) ?? Number.POSITIVE_INFINITY);
    for (const [index, step] of run.steps.entries()) {
      const spec: ResolvedStep = JSON.parse(step.spec);
      if (spec.type !== "bigquery_query" || spec.destination?.write !== "WRITE_APPEND") continue;
      const { table } = spec.destination;
      const name = `${dataset}.${table}`;
      const count = counts.get(name) ?? countByStep(warehouse.rows({ dataset, table }));
      counts.set(name, count);
      const rows = count.get(`${id}_${index}`) ?? 0;
      const most = step.status === "SKIPPED" ? 0 : 1;
      const rule = step.status === "COMPLETE" && sure ? rows === 1 : rows <= most;
      if (!rule) violation(`step ${index} of run ${id} is ${step.status} and has ${rows} rows in ${name}`);
    }
  }
}

/** Rows by run and step: each bears the id of the job that wrote it, which ends with the try. */
function countByStep(rows: Row[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { job_id } of rows) {
    const step = String(job_id).split("_").slice(0, 2).join("_");
    counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  return counts;
}

function pick(row: Row, names: string[]): Row {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}
