import assert from "node:assert/strict";
import { test } from "node:test";
import { metrics } from "@convergence/runtime/metrics.ts";
import { NEW_TENANT, type Tenant, type TenantEvent, type TenantFact } from "@convergence/tenant";
import { tenantCounting } from "./metrics.ts";

/** A tenant whose onboarding began at 1 s. */
const TENANT: Tenant = {
  ...NEW_TENANT,
  tenant_id: "acme",
  tenant_name: "acme",
  tier: "ENTERPRISE",
  created_at: 1_000,
  updated_at: 1_000,
  onboarding: {
    pending: [],
    phase: "VALIDATE",
    force_recreate_dataset: false,
    force_recreate_tables: false,
    key_id: "key-1",
    run_id: "run-1",
    dataset_created: true,
    tables_created: [],
    log_partition: 0,
    log_offset: 0,
    dryrun_status: null,
    started_at: 1_000,
    trace: null,
  },
};

const at = (time: number, fact: TenantFact): TenantEvent => ({
  ...fact,
  meta: { tenant_id: "acme", epoch: 0, version: 1, at: time, cause: null },
});

test("onboardings are counted by outcome and timed from their acceptance; keys by change; refusals by reason", async () => {
  const registry = metrics();
  const count = tenantCounting(registry);
  const finished = (dryrun_status: "SUCCESS" | "FAILED") =>
    at(3_500, { type: "OnboardingFinished", dryrun_status, dryrun_error: null });
  count(finished("SUCCESS"), TENANT);
  count(finished("FAILED"), TENANT);
  count(at(2_000, { type: "OnboardingFailed", status: 409, reason: "dataset-taken", detail: "" }), TENANT);
  count(at(2_000, { type: "KeyActivated", key_id: "key-1" }), TENANT);
  count(at(2_000, { type: "DatasetProvisioned", created: true }), TENANT);
  count(
    at(2_000, {
      type: "TenantCommandRejected",
      command: "IssueApiKey",
      by: null,
      command_id: "c",
      gateway: "g",
      status: 404,
      reason: "not-found",
      detail: "",
    }),
    null,
  );
  const text = await registry.text();
  for (const line of [
    'convergence_onboardings_total{outcome="COMPLETE"} 1',
    'convergence_onboardings_total{outcome="DRYRUN_FAILED"} 1',
    'convergence_onboardings_total{outcome="FAILED"} 1',
    "convergence_onboarding_duration_seconds_sum 6",
    "convergence_onboarding_duration_seconds_count 3",
    'convergence_api_key_changes_total{change="activated"} 1',
    'convergence_tenant_commands_rejected_total{reason="not-found"} 1',
  ])
    assert.ok(text.includes(`${line}\n`), line);
  assert.ok(!text.includes("acme"));
});
