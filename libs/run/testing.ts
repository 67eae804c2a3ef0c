// What the tests of this library share: commands, results, and states that events lead to.
import type { OnFailure, PlannedStep, StepReported, SubmitRun } from "@convergence/contracts";
import {
  decideSubmit,
  evolve,
  noRuns,
  type Plan,
  type RunFact,
  type TenantRuns,
  UNLIMITED,
} from "./index.ts";

export const NOW = 1_763_200_000_000;
export const HOUR = 3_600_000;

export function submit(changes: Partial<SubmitRun> = {}, at = NOW): SubmitRun {
  return {
    type: "SubmitRun",
    resume: null,
    meta: {
      command_id: `command-of-${changes.run_id ?? "r1"}`,
      tenant_id: "acme",
      at,
      sent_by: "gateway-1",
    },
    run_id: "r1",
    provider: "gcp",
    domain: "cost",
    template: "export",
    parameters: "{}",
    trigger_by: "user@example.com",
    trigger_type: "api",
    idempotency: null,
    tenant_version: 0,
    ...changes,
  };
}

/** A step that does nothing, unless told otherwise. */
export function plannedStep(step_id: string, changes: Partial<PlannedStep> = {}): PlannedStep {
  const empty = { step_type: "noop", on_failure: "stop", spec: "{}" } as const;
  return { step_id, ...empty, depends_on: null, retry: null, done_by: null, ...changes };
}

/** A plan of one step for each entry, by what its failure does. */
export function plan(runId: string, steps: OnFailure[] = ["stop"]): () => Plan {
  return () => ({
    ok: true,
    refusedIfHeld: false,
    quota: UNLIMITED,
    run: {
      run_id: runId,
      tenant_name: "Acme",
      pipeline_id: "Acme-gcp-cost-export",
      provider: "gcp",
      domain: "cost",
      template: "export",
      config_version: "hash",
      trigger_type: "api",
      trigger_by: "user@example.com",
      parameters: "{}",
      run_date: null,
      timeout_ms: null,
      concurrency: null,
    },
    steps: steps.map((on_failure, index) => plannedStep(`s${index}`, { on_failure })),
  });
}

export const at = (index: number, attempt = 1, run_id = "r1") => ({
  tenant_id: "acme",
  run_id,
  index,
  attempt,
  runner: "runner-1",
});
export const claimed = (index: number, attempt = 1) => ({
  type: "StepClaimed" as const,
  ...at(index, attempt),
  at: NOW,
});

export function reported(index: number, changes: Partial<StepReported> = {}): StepReported {
  return {
    type: "StepReported",
    ...at(index),
    ok: true,
    retryable: false,
    finished_at: NOW,
    rows_processed: 3,
    bytes_processed: 30,
    error_message: null,
    metadata: null,
    ...changes,
  };
}
export const failure = (index: number, changes: Partial<StepReported> = {}) =>
  reported(index, {
    ok: false,
    error_message: "no such table",
    rows_processed: null,
    bytes_processed: null,
    ...changes,
  });

/** Folds facts onto a state. */
export function given(...facts: RunFact[][]): TenantRuns {
  return facts.flat().reduce<TenantRuns>(evolve, noRuns);
}

/** The state after a run of these steps was accepted. */
export function accepted(steps: OnFailure[] = ["stop"], changes: Partial<SubmitRun> = {}): TenantRuns {
  return given(decideSubmit(noRuns, submit(changes), NOW, plan(changes.run_id ?? "r1", steps)));
}

export function after(state: TenantRuns, facts: RunFact[]): TenantRuns {
  return facts.reduce<TenantRuns>(evolve, state);
}

export const types = (facts: RunFact[]) => facts.map(({ type }) => type);
