import type {
  RunAccepted,
  RunFinished,
  RunHead,
  RunRejected,
  StepFinished,
  StepHead,
  StepReissued,
  StepStarted,
  SubmitRun,
} from "@convergence/contracts";
import { pipelineIdOf } from "@convergence/pipeline/resolve.ts";
import type { RunRow, StepRow } from "./row.ts";

/**
 * A run whose outcome takes longer than this is shown as PENDING to the client that asked for it, in milliseconds.
 * So a rejection that came later is listed; one that came sooner was the client's answer.
 */
export const OUTCOME_MS = 2_000;

/** Folds a command: until its outcome is known, every gateway shows its run as PENDING. */
export function foldSubmit(
  row: RunRow | undefined,
  command: SubmitRun,
  tenantName: string,
): RunRow | undefined {
  const { meta, run_id, provider, domain, template, idempotency } = command;
  // With an Idempotency-Key the client is never told the id of a run without an outcome.
  if (idempotency !== null || (row !== undefined && row.kind !== "unseen")) return undefined;
  const asked: RunRow = {
    tenantId: meta.tenant_id,
    runId: run_id,
    kind: "asked",
    listed: true,
    pipelineId: pipelineIdOf(tenantName, { provider, domain, name: template }),
    status: "PENDING",
    triggerType: command.trigger_type,
    triggerBy: command.trigger_by,
    startTime: meta.at,
    endTime: null,
    parameters: command.parameters,
    errorMessage: null,
    configVersion: null,
    version: 0,
    steps: [],
  };
  if (row === undefined) return asked;
  return refused(asked, row.endTime ?? row.startTime, row.errorMessage);
}

export function foldAccepted(row: RunRow | undefined, event: RunAccepted): RunRow | undefined {
  if (row !== undefined && row.kind === "accepted") return undefined;
  const steps = event.steps.map(
    (step): StepRow => ({
      name: step.step_id,
      type: step.step_type,
      status: "PENDING",
      attempt: 1,
      startTime: null,
      endTime: null,
      rows: null,
      bytes: null,
      errorMessage: null,
      ...(step.done_by === null ? {} : { doneBy: step.done_by }),
    }),
  );
  return accepted(event.meta.tenant_id, event.run, steps);
}

export function foldRejected(row: RunRow | undefined, event: RunRejected): RunRow | undefined {
  const { meta, run_id, detail, problems } = event;
  const named = problems.map(({ field, message }) => `${field}: ${message}`).join("; ");
  const error = named === "" ? detail : `${detail} (${named})`;
  if (row !== undefined) return row.kind === "asked" ? refused(row, meta.at, error) : undefined;
  return {
    tenantId: meta.tenant_id,
    runId: run_id,
    kind: "unseen",
    listed: false,
    pipelineId: "",
    status: "FAILED",
    triggerType: "api",
    triggerBy: "",
    startTime: meta.at,
    endTime: meta.at,
    parameters: "{}",
    errorMessage: error,
    configVersion: null,
    version: 0,
    steps: [],
  };
}

/** Folds a step's event into its run, in place. False where it says nothing new. */
export function foldStep(row: RunRow, event: StepStarted | StepReissued | StepFinished): boolean {
  if (event.run_version <= row.version) return false;
  row.version = event.run_version;
  const step = stepOf(row, event.step);
  step.attempt = event.attempt;
  switch (event.type) {
    case "StepStarted":
      step.status = "RUNNING";
      step.startTime = event.started_at;
      row.status = "RUNNING";
      break;
    case "StepReissued":
      step.status = "PENDING";
      break;
    case "StepFinished":
      step.status = event.status;
      step.startTime = event.started_at;
      step.endTime = event.finished_at;
      step.rows = event.rows_processed;
      step.bytes = event.bytes_processed;
      step.errorMessage = event.error_message;
      break;
  }
  return true;
}

/** Folds the end of a run. The event tells enough to show a run whose acceptance is no longer stored. */
export function foldFinished(row: RunRow | undefined, event: RunFinished): RunRow | undefined {
  if (row !== undefined && event.run_version <= row.version) return undefined;
  return {
    ...(row ?? accepted(event.meta.tenant_id, event.run, [])),
    version: event.run_version,
    status: event.status,
    endTime: event.finished_at,
    errorMessage: event.error_message,
  };
}

function accepted(tenantId: string, run: RunHead, steps: StepRow[]): RunRow {
  return {
    tenantId,
    runId: run.run_id,
    kind: "accepted",
    listed: true,
    pipelineId: run.pipeline_id,
    status: "PENDING",
    triggerType: run.trigger_type,
    triggerBy: run.trigger_by,
    startTime: run.accepted_at,
    endTime: null,
    parameters: run.parameters,
    errorMessage: null,
    configVersion: run.config_version,
    template: { provider: run.provider, domain: run.domain, name: run.template },
    version: 1,
    steps,
  };
}

function refused(asked: RunRow, at: number, error: string | null): RunRow {
  return {
    ...asked,
    kind: "rejected",
    listed: at - asked.startTime >= OUTCOME_MS,
    status: "FAILED",
    endTime: Math.max(at, asked.startTime),
    errorMessage: error,
  };
}

/** The step of this index; made where the run's acceptance is no longer stored. */
function stepOf(row: RunRow, { index, step_id, step_type }: StepHead): StepRow {
  const known = row.steps[index];
  if (known !== undefined) return known;
  const step: StepRow = {
    name: step_id,
    type: step_type,
    status: "PENDING",
    attempt: 1,
    startTime: null,
    endTime: null,
    rows: null,
    bytes: null,
    errorMessage: null,
  };
  row.steps[index] = step;
  return step;
}
