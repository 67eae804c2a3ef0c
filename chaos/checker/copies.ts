import { iso } from "@convergence/runtime/iso.ts";
import type { SeenRun } from "../../simulation/oracle/runs.ts";
import type { RunRow, ShownRun, StepRow, TenantTables } from "./evidence.ts";
import { type Case, expectSame, type Rule } from "./rule.ts";

/** Each gateway lists every run of the log, and shows it as the log tells it. */
export const views: Rule = {
  name: "every gateway's view equals the log",
  check(subject) {
    for (const { gateway, runs } of subject.evidence.views) {
      const shown = byId(subject, gateway, runs, ({ pipeline_logging_id }) => pipeline_logging_id);
      for (const [id, run] of subject.log.runs.byId) {
        const found = shown.get(id);
        shown.delete(id);
        if (found === undefined) subject.violation(`${gateway} does not list run ${id} of ${run.tenantId}`);
        else expectShown(subject, `${gateway}: run ${id}`, run, found);
      }
      for (const id of shown.keys())
        subject.violation(`${gateway} lists run ${id}, which was never accepted`);
    }
  },
};

function expectShown(subject: Case, what: string, run: SeenRun, found: ShownRun): void {
  const { head } = run;
  const wanted = {
    tenant_id: head.tenant_name,
    pipeline_id: head.pipeline_id,
    status: run.status,
    trigger_type: head.trigger_type,
    start_time: iso(head.accepted_at),
    end_time: iso(run.finishedAt),
    error_message: run.error,
    config_version: head.config_version,
    steps: run.steps.map((step, index) => ({
      step_name: step.id,
      step_index: index,
      status: step.status,
      start_time: iso(step.startedAt),
      end_time: iso(step.finishedAt),
      rows_processed: step.rows,
      attempt: step.attempt,
      error_message: step.error,
    })),
  };
  expectSame(subject, what, wanted, found);
}

/** pipeline_runs and step_logs are the log, folded. What was there before a tenant's tables were made anew is gone. */
export const warehouse: Rule = {
  name: "pipeline_runs and step_logs equal the log",
  check(subject) {
    for (const tables of subject.evidence.warehouse) checkTables(subject, tables);
  },
};

function checkTables(subject: Case, { tenant, runs, steps }: TenantTables): void {
  const runRows = byId(subject, `${tenant}.pipeline_runs`, runs, (row) => row.pipeline_logging_id);
  const stepRows = byId(subject, `${tenant}.step_logs`, steps, (row) => row.step_logging_id);
  for (const [id, run] of subject.log.runs.byId) {
    if (run.head.tenant_name !== tenant) continue;
    const mayBeGone = run.seenAt < (subject.log.tablesMadeAt.get(run.tenantId) ?? 0);
    const row = runRows.get(id);
    runRows.delete(id);
    if (row !== undefined && !mayBeGone) expectRunRow(subject, tenant, id, run, row);
    else if (!mayBeGone) subject.violation(`run ${id} has no row in ${tenant}.pipeline_runs`);
    run.steps.forEach((_, index) => {
      const stepId = `${id}-${index}`;
      const stepFound = stepRows.get(stepId);
      stepRows.delete(stepId);
      if (stepFound !== undefined && !mayBeGone) expectStepRow(subject, tenant, id, run, index, stepFound);
      else if (!mayBeGone) subject.violation(`step ${index} of run ${id} has no row in ${tenant}.step_logs`);
    });
  }
  for (const id of runRows.keys())
    subject.violation(`${tenant}.pipeline_runs has run ${id}, which was never accepted`);
  for (const id of stepRows.keys()) subject.violation(`${tenant}.step_logs has step ${id}, which no run has`);
}

function expectRunRow(subject: Case, tenant: string, id: string, run: SeenRun, row: RunRow): void {
  const { head } = run;
  const wanted = {
    tenant_id: head.tenant_name,
    pipeline_id: head.pipeline_id,
    status: run.status,
    trigger_type: head.trigger_type,
    start_ms: head.accepted_at,
    end_ms: run.finishedAt,
    duration_ms: run.finishedAt === null ? null : run.finishedAt - head.accepted_at,
    error_message: run.error,
    config_version: head.config_version,
    worker_instance: run.worker,
    run_version: run.version,
  };
  expectSame(subject, `run ${id} in ${tenant}.pipeline_runs`, wanted, row);
}

function expectStepRow(
  subject: Case,
  tenant: string,
  id: string,
  run: SeenRun,
  index: number,
  row: StepRow,
): void {
  const step = run.steps[index];
  if (step === undefined) return;
  const wanted = {
    pipeline_logging_id: id,
    step_name: step.id,
    step_index: index,
    status: step.status,
    start_ms: step.startedAt,
    end_ms: step.finishedAt,
    rows_processed: step.rows,
    attempt: step.attempt,
    error_message: step.error,
    step_version: step.version,
  };
  expectSame(subject, `step ${index} of run ${id} in ${tenant}.step_logs`, wanted, row);
}

function byId<T>(subject: Case, where: string, rows: readonly T[], idOf: (row: T) => string): Map<string, T> {
  const found = new Map<string, T>();
  for (const row of rows) {
    if (found.has(idOf(row))) subject.violation(`${where} has ${idOf(row)} twice`);
    found.set(idOf(row), row);
  }
  return found;
}
