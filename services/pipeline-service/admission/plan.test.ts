import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, type SubmitRun } from "@convergence/contracts";
import { parseTemplate } from "@convergence/pipeline";
import { planRun } from "./plan.ts";

const TEXT = `description: x
parameters: { text: { type: string } }
steps:
  - { step_id: a, type: bigquery_query, query: "SELECT '{text}' AS said" }
`;
const parsed = parseTemplate(TEXT, "said.yml", { provider: "gcp", domain: "cost", name: "said" });
assert.ok("template" in parsed, JSON.stringify(parsed));
const catalogue = { find: () => parsed.template, faultsOf: () => [] };
const tenant = {
  tenant_name: "Acme",
  lifecycle: "ACTIVE",
  tier: "ENTERPRISE",
  version: 1,
  max_pipelines_per_month: null,
  max_concurrent_pipelines: null,
} as const;

function planned(text: string) {
  const command: SubmitRun = {
    type: "SubmitRun",
    resume: null,
    meta: { command_id: "c", tenant_id: "acme", at: 0, sent_by: "g" },
    run_id: "r",
    provider: "gcp",
    domain: "cost",
    template: "said",
    parameters: JSON.stringify({ text }),
    trigger_by: "me",
    trigger_type: "api",
    idempotency: null,
    tenant_version: 0,
  };
  return planRun(command, tenant, catalogue, "p");
}

test("a run whose acceptance no record could hold is refused, and one just below is accepted and fits", () => {
  const refused = planned("x".repeat(500_000));
  assert.ok(!refused.ok);
  assert.deepEqual([refused.refusal.status, refused.refusal.reason], [422, "run-too-large"]);
  assert.match(refused.refusal.detail, /more than 900000: send shorter variables/);
  const accepted = planned("x".repeat(449_000));
  assert.ok(accepted.ok);
  const meta = { tenant_id: "acme", epoch: 1, version: 1, at: 0, cause: null };
  const { run, steps } = accepted;
  const event = encode({
    type: "RunAccepted",
    meta,
    command_id: "c",
    idempotency: null,
    requested_at: 0,
    run: { ...run, accepted_at: 0, trace: null, slot: null, backfill: null },
    steps,
    waits: false,
  });
  assert.ok(event.length < 950_000, String(event.length));
});
