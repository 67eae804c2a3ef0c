import assert from "node:assert/strict";
import path from "node:path";
import type { StepTask } from "@convergence/contracts";
import { startLocalBigQuery } from "@convergence/local-bigquery";
import { loadTableShapes, parseTemplate, resolve, resolveParameters } from "@convergence/pipeline";
import { systemClock } from "@convergence/runtime/clock.ts";
import { bigQueryWarehouse } from "@convergence/warehouse/bigquery/warehouse.ts";
import type { Warehouse } from "@convergence/warehouse/port.ts";
import { type Assignment, execute, type StepOutcome } from "../claim/execute.ts";
import { NO_SECRETS } from "./no-secrets.ts";

const PROJECT = "gac-prod-471220";
export const TENANT = "Acme_1";
const NAME = { provider: "gcp", domain: "cost", name: "tried" };
const SCHEMAS = path.join(import.meta.dirname, "../../../configs/metadata/schemas");

/** Steps of templates, executed on a local BigQuery by the real client. */
export interface StepBench {
  warehouse: Warehouse;
  /** Runs a SELECT in the tenant's dataset. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Runs any statement there. */
  sql(sql: string): Promise<void>;
  /** A table there as BigQuery's REST interface tells it. */
  resource(table: string): Promise<Record<string, unknown>>;
  /** Executes the one step of a template, or what stands below `steps:` of one. */
  step(template: string, about?: Attempt): Promise<StepOutcome>;
}

export interface Attempt {
  run?: string;
  try?: number;
  attempt?: number;
  body?: Record<string, unknown>;
}

/** Starts one, with the tenant's dataset and its dq_results; it ends with the test. */
export async function stepBench(
  t: { after(end: () => unknown): void },
  inbox: string | null = null,
): Promise<StepBench> {
  const server = await startLocalBigQuery({ host: "127.0.0.1", port: 0, file: null });
  t.after(() => server.close());
  const warehouse = bigQueryWarehouse({
    project: PROJECT,
    location: "US",
    endpoint: server.url,
    requestTimeoutMs: 60_000,
  });
  await warehouse.createDataset(TENANT, { tenant: TENANT.toLowerCase() }, "Tests");
  const { dq_results } = await loadTableShapes(SCHEMAS);
  await warehouse.createTable({ dataset: TENANT, table: "dq_results" }, dq_results);
  let jobs = 0;
  return {
    warehouse,
    rows: (sql) => warehouse.read({ sql, params: [], defaultDataset: TENANT }),
    async sql(sql) {
      jobs += 1;
      const job = {
        jobId: `test_${jobs}`,
        params: [],
        defaultDataset: TENANT,
        labels: {},
        destination: null,
      };
      await warehouse.submitQuery({ ...job, sql });
      const done = await warehouse.waitForJob(job.jobId, 60_000);
      assert.equal(done.error, null, sql);
    },
    async resource(table) {
      const path = `/bigquery/v2/projects/${PROJECT}/datasets/${TENANT}/tables/${table}`;
      const told: Record<string, unknown> = JSON.parse(await (await fetch(`${server.url}${path}`)).text());
      return told;
    },
    step: (template, about = {}) =>
      execute(
        assignment(template, about),
        {
          warehouse,
          clock: systemClock,
          inbox,
          log: { debug() {}, info() {}, warn() {}, error() {} },
          secrets: NO_SECRETS,
        },
        new AbortController().signal,
      ),
  };
}

function assignment(text: string, about: Attempt): Assignment {
  const template = text.includes("steps:") ? text : `steps:\n  - ${text.trim().replaceAll("\n", "\n    ")}\n`;
  const parsed = parseTemplate(template, "configs/gcp/cost/tried.yml", NAME);
  if ("faults" in parsed) assert.fail(JSON.stringify(parsed.faults));
  const read = resolveParameters(parsed.template, about.body ?? {}, Date.parse("2025-11-16T09:00:00Z"));
  if ("problems" in read) assert.fail(JSON.stringify(read.problems));
  const runId = about.run ?? "run-1";
  const context = { tenantId: TENANT, runId, project: PROJECT, values: read.values };
  const resolved = resolve(parsed.template, context);
  if ("problems" in resolved) assert.fail(JSON.stringify(resolved.problems));
  const [step] = resolved.ok.steps;
  assert.ok(step);
  return { task: taskOf(step.stepId, step.type, JSON.stringify(step), runId, about), trace: null };
}

function taskOf(id: string, type: string, spec: string, runId: string, about: Attempt): StepTask {
  return {
    type: "StepTask",
    step: {
      run_id: runId,
      tenant_name: TENANT,
      index: 0,
      step_id: id,
      step_type: type,
      run_accepted_at: Date.parse("2025-11-16T09:00:00Z"),
    },
    tenant_id: TENANT.toLowerCase(),
    attempt: about.attempt ?? 1,
    try: about.try ?? 1,
    lease_ms: 30_000,
    spec,
    issued_at: 0,
    issued_by: "p",
  };
}
