import type { RunHead, StepFinished, StepHead, StepStarted } from "@convergence/contracts";
import type { RunEvent } from "@convergence/run";
import { iso } from "@convergence/runtime/iso.ts";
import type { MergeJob } from "@convergence/warehouse/port.ts";

export type Row = MergeJob["rows"][number];
export type ProjectedTable = "pipeline_runs" | "step_logs";

/** A row of a tenant's table as one event makes it. Columns that the event does not speak of are absent. */
export interface ProjectedRow {
  dataset: string;
  table: ProjectedTable;
  key: string;
  row: Row;
}

/** The rows that an event makes or changes. Pure, and of this one event alone: no state is needed to project it. */
export function rowsOf(event: RunEvent): ProjectedRow[] {
  switch (event.type) {
    case "RunAccepted":
      return [runRow(event.run, { ...headColumns(event.run), status: "PENDING", run_version: 1 })];
    case "StepStarted":
      return [runningRow(event), stepRow(event.step, startedColumns(event))];
    case "StepReissued":
      return [];
    case "StepFinished":
      return [stepRow(event.step, finishedColumns(event))];
    case "RunFinished": {
      const { run, status, error_message, finished_at, run_version } = event;
      return [
        runRow(run, {
          ...headColumns(run),
          status,
          end_time: iso(finished_at),
          duration_ms: finished_at - run.accepted_at,
          error_message: error_message ?? undefined,
          run_version,
        }),
      ];
    }
    case "RunReleased":
    case "RunCancelAccepted":
    case "RunCancelRejected":
    case "RunRejected":
    case "RunRepeated":
    case "OpenRunsCancelled":
    case "ScheduleSet":
    case "ScheduleTold":
    case "ScheduleDeleted":
    case "SlotsPassed":
    case "BackfillAccepted":
    case "BackfillCancelled":
    case "OrderRejected":
      return [];
  }
}

function runRow(run: RunHead, columns: Row): ProjectedRow {
  const row = { pipeline_logging_id: run.run_id, start_time: iso(run.accepted_at), ...columns };
  return { dataset: run.tenant_name, table: "pipeline_runs", key: run.run_id, row };
}

function headColumns(run: RunHead): Row {
  return {
    pipeline_id: run.pipeline_id,
    tenant_id: run.tenant_name,
    trigger_type: run.trigger_type,
    trigger_by: run.trigger_by,
    config_version: run.config_version,
    run_date: run.run_date ?? undefined,
    parameters: run.parameters,
  };
}

/** A step's start makes its run RUNNING: a row that only updates one that is there. */
function runningRow({ step, run_version, runner }: StepStarted): ProjectedRow {
  const row = {
    pipeline_logging_id: step.run_id,
    start_time: iso(step.run_accepted_at),
    status: "RUNNING",
    worker_instance: runner,
    run_version,
  };
  return { dataset: step.tenant_name, table: "pipeline_runs", key: step.run_id, row };
}

function stepRow(step: StepHead, columns: Row): ProjectedRow {
  const id = `${step.run_id}-${step.index}`;
  const row = {
    step_logging_id: id,
    pipeline_logging_id: step.run_id,
    step_name: step.step_id,
    step_type: step.step_type,
    step_index: step.index,
    ...columns,
  };
  return { dataset: step.tenant_name, table: "step_logs", key: id, row };
}

function startedColumns(event: StepStarted): Row {
  return {
    status: "RUNNING",
    start_time: iso(event.started_at),
    attempt: event.attempt,
    step_version: event.run_version,
  };
}

function finishedColumns(event: StepFinished): Row {
  return {
    status: event.status,
    start_time: iso(event.started_at),
    end_time: iso(event.finished_at),
    duration_ms: event.finished_at - event.started_at,
    rows_processed: event.rows_processed ?? undefined,
    bytes_processed: event.bytes_processed ?? undefined,
    attempt: event.attempt,
    error_message: event.error_message ?? undefined,
    metadata: event.metadata ?? undefined,
    step_version: event.run_version,
  };
}
type Shape = Pick<MergeJob, "columns" | "keys" | "version" | "partition" | "required">;

/** How each table's rows are merged. */
export const SHAPES: Record<ProjectedTable, Shape> = {
  pipeline_runs: {
    columns: [
      { name: "pipeline_logging_id", type: "STRING" },
      { name: "pipeline_id", type: "STRING" },
      { name: "tenant_id", type: "STRING" },
      { name: "status", type: "STRING" },
      { name: "trigger_type", type: "STRING" },
      { name: "trigger_by", type: "STRING" },
      { name: "start_time", type: "TIMESTAMP" },
      { name: "end_time", type: "TIMESTAMP" },
      { name: "duration_ms", type: "INT64" },
      { name: "config_version", type: "STRING" },
      { name: "worker_instance", type: "STRING" },
      { name: "error_message", type: "STRING" },
      { name: "run_date", type: "DATE" },
      { name: "parameters", type: "JSON" },
      { name: "run_version", type: "INT64" },
    ],
    keys: ["pipeline_logging_id"],
    version: "run_version",
    partition: "start_time",
    required: [
      "pipeline_logging_id",
      "pipeline_id",
      "tenant_id",
      "status",
      "trigger_type",
      "trigger_by",
      "start_time",
    ],
  },
  step_logs: {
    columns: [
      { name: "step_logging_id", type: "STRING" },
      { name: "pipeline_logging_id", type: "STRING" },
      { name: "step_name", type: "STRING" },
      { name: "step_type", type: "STRING" },
      { name: "step_index", type: "INT64" },
      { name: "status", type: "STRING" },
      { name: "start_time", type: "TIMESTAMP" },
      { name: "end_time", type: "TIMESTAMP" },
      { name: "duration_ms", type: "INT64" },
      { name: "rows_processed", type: "INT64" },
      { name: "bytes_processed", type: "INT64" },
      { name: "attempt", type: "INT64" },
      { name: "error_message", type: "STRING" },
      { name: "metadata", type: "JSON" },
      { name: "step_version", type: "INT64" },
    ],
    keys: ["step_logging_id"],
    version: "step_version",
    partition: "start_time",
    required: [
      "step_logging_id",
      "pipeline_logging_id",
      "step_name",
      "step_type",
      "step_index",
      "status",
      "start_time",
    ],
  },
};
