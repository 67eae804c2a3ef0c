import { iso } from "@convergence/runtime/iso.ts";
import type { RunRow, StepRow } from "../views/runs/row.ts";

/** A run as the specification prints it. Times are ISO 8601 in UTC. */
export interface RunSummary {
  pipeline_logging_id: string;
  pipeline_id: string;
  tenant_id: string;
  status: string;
  trigger_type: string;
  trigger_by: string;
  start_time: string;
  end_time: string | null;
  duration_ms: number | null;
  /** Without trigger_by. */
  parameters: Record<string, unknown>;
  error_message: string | null;
}

export interface RunDetail extends RunSummary {
  /** SHA-256 of the template, hexadecimal; null before acceptance. */
  config_version: string | null;
  steps: RunStep[];
}

/** A step, with the names of the step_logs table. */
export interface RunStep {
  step_name: string;
  step_type: string;
  step_index: number;
  status: string;
  start_time: string | null;
  end_time: string | null;
  duration_ms: number | null;
  rows_processed: number | null;
  bytes_processed: number | null;
  attempt: number;
  error_message: string | null;
}

/** `tenantName`: the tenant's id as it was onboarded. */
export function runSummary(row: RunRow, tenantName: string): RunSummary {
  return {
    pipeline_logging_id: row.runId,
    pipeline_id: row.pipelineId,
    tenant_id: tenantName,
    status: row.status,
    trigger_type: row.triggerType,
    trigger_by: row.triggerBy,
    ...runTimes(row),
    parameters: JSON.parse(row.parameters),
    error_message: row.errorMessage,
  };
}

/** A run's times. */
export function runTimes({
  startTime,
  endTime,
}: Pick<RunRow, "startTime" | "endTime">): Pick<RunSummary, "start_time" | "end_time" | "duration_ms"> {
  return {
    start_time: iso(startTime),
    end_time: endTime === null ? null : iso(endTime),
    duration_ms: endTime === null ? null : endTime - startTime,
  };
}

export function runDetail(row: RunRow, tenantName: string): RunDetail {
  return { ...runSummary(row, tenantName), config_version: row.configVersion, steps: runSteps(row) };
}

/** Steps of which no event is stored any more are left out. */
export function runSteps(row: RunRow): RunStep[] {
  return row.steps.flatMap((step: StepRow | null | undefined, index) =>
    step === null || step === undefined ? [] : [runStep(step, index)],
  );
}

/** A step; `index` counts from 0. */
export function runStep(step: StepRow, index: number): RunStep {
  const { startTime, endTime } = step;
  return {
    step_name: step.name,
    step_type: step.type,
    step_index: index,
    status: step.status,
    start_time: startTime === null ? null : iso(startTime),
    end_time: endTime === null ? null : iso(endTime),
    duration_ms: startTime === null || endTime === null ? null : endTime - startTime,
    rows_processed: step.rows,
    bytes_processed: step.bytes,
    attempt: step.attempt,
    error_message: step.errorMessage,
  };
}
