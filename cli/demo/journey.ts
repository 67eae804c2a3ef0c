import type { BigQuery } from "@google-cloud/bigquery";
import { z } from "zod";
import { loadBilling, totals } from "./bigquery.ts";
import { type BillingSample, billionths, decimal } from "./billing-rows.ts";

const DATE = "2025-11-15";

interface Demo {
  gatewayUrl: string;
  bigQueryUrl: string;
  client: BigQuery;
  sample: BillingSample;
  tenant: string;
  project: string;
  adminKey: string | undefined;
}

const keyAnswer = z.object({ api_key: z.string() });
const runAnswer = z.object({ pipeline_logging_id: z.string(), status: z.string() });
const detailAnswer = z.object({
  status: z.string(),
  duration_ms: z.number().nullable(),
  error_message: z.string().nullable(),
  steps: z.array(
    z.object({
      step_name: z.string(),
      status: z.string(),
      duration_ms: z.number().nullable(),
      rows_processed: z.number().nullable(),
      bytes_processed: z.number().nullable(),
    }),
  ),
});

/** Onboards, fills, runs, follows, and checks the result against a sum of its own. Throws where anything is amiss. */
export async function journey(demo: Demo): Promise<void> {
  const { gatewayUrl, client, sample, tenant, project } = demo;
  console.log(`1. Onboard ${tenant}`);
  const key = await apiKey(demo);
  console.log(`   API key ${key.slice(0, tenant.length + 5)}… (shown once; the demo keeps it in memory)`);

  console.log("2. Fill its billing table");
  const loaded = await loadBilling(client, tenant, sample);
  console.log(`   ${loaded} rows: ${sample.source}`);

  console.log(`3. Run gcp/cost/bill-sample-export-template for ${DATE}`);
  const path = `/api/v1/pipelines/run/${tenant}/gcp/cost/bill-sample-export-template`;
  const headers = { "X-API-Key": key, "Content-Type": "application/json" };
  const body = JSON.stringify({ date: DATE });
  const begun = performance.now();
  const run = runAnswer.parse(await call(`${gatewayUrl}${path}`, { method: "POST", headers, body }));
  const detail = detailAnswer.parse(
    await call(`${gatewayUrl}/api/v1/pipelines/runs/${run.pipeline_logging_id}?wait=30`, { headers }),
  );
  const ms = Math.round(performance.now() - begun);
  console.log(`   run ${run.pipeline_logging_id}: ${detail.status} after ${ms} ms, as the client sees it`);
  for (const step of detail.steps) {
    console.log(
      `   step ${step.step_name}: ${step.status}, ${step.duration_ms} ms, ${step.rows_processed} rows, ${step.bytes_processed} bytes`,
    );
  }
  if (detail.status !== "COMPLETE") throw new Error(`the run is ${detail.status}: ${detail.error_message}`);

  const table = `${project}.${tenant}.billing_export_${DATE}`;
  console.log(`4. Query ${table}`);
  await check(demo, table);
}

async function check({ client, sample }: Demo, table: string): Promise<void> {
  const day = sample.rows.filter((row) => row.date === DATE);
  const expected = day.reduce((sum, row) => sum + sample.cost(row), 0n);
  const found = await totals(client, table, sample.costColumn);
  console.log(`   ${found.rows} rows, cost ${found.cost}`);
  console.log(`   the file has ${day.length} rows of that day, cost ${decimal(expected)}`);
  if (found.rows !== day.length || billionths(found.cost) !== expected) {
    throw new Error("the exported rows are not those of the file");
  }
  console.log("   They agree.");
}

/** Onboards the tenant, or, where it is there already, has a further key issued. */
async function apiKey({ gatewayUrl, tenant, adminKey }: Demo): Promise<string> {
  const json = { "Content-Type": "application/json" };
  const onboarding = await fetch(`${gatewayUrl}/api/v1/customers/onboard`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ tenant_id: tenant }),
  });
  if (onboarding.ok) return keyAnswer.parse(await onboarding.json()).api_key;
  if (onboarding.status !== 409 || adminKey === undefined) throw new Error(await onboarding.text());
  console.log("   It is onboarded already: a further key is issued with the admin key.");
  const headers = { ...json, "X-Admin-Key": adminKey };
  const url = `${gatewayUrl}/api/v1/customers/${tenant}/api-keys`;
  return keyAnswer.parse(await call(url, { method: "POST", headers, body: "{}" })).api_key;
}

async function call(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, init);
  if (!response.ok)
    throw new Error(`${init.method ?? "GET"} ${url}: ${response.status} ${await response.text()}`);
  return response.json();
}
