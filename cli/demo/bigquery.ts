import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { BigQuery } from "@google-cloud/bigquery";
import { PassThroughClient } from "google-auth-library";
import type { BillingSample } from "./billing-rows.ts";

/** The official client, on a local BigQuery: no account, no credentials. Without `autoRetry` a failure is told at once. */
export function localClient(endpoint: string, projectId: string, { autoRetry = true } = {}): BigQuery {
  return new BigQuery({
    projectId,
    apiEndpoint: endpoint,
    authClient: new PassThroughClient(),
    retryOptions: { autoRetry },
  });
}

/** Puts the sample into the tenant's `billing` table, in place of what was there. Returns how many rows it has. */
export async function loadBilling(client: BigQuery, tenant: string, sample: BillingSample): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), "convergence-demo-"));
  try {
    const file = path.join(folder, "billing.ndjson");
    await writeFile(file, sample.rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    await client
      .dataset(tenant)
      .table("billing")
      .load(file, {
        sourceFormat: "NEWLINE_DELIMITED_JSON",
        schema: { fields: sample.fields },
        writeDisposition: "WRITE_TRUNCATE",
      });
    return sample.rows.length;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How many rows a table has, and the exact sum of their cost, as BigQuery tells it. */
export async function totals(client: BigQuery, table: string, costColumn: string) {
  const query = `SELECT COUNT(*) AS row_count, CAST(SUM(CAST(${costColumn} AS NUMERIC)) AS STRING) AS cost FROM \`${table}\``;
  const [[row]] = await client.query({ query });
  return { rows: Number(row.row_count), cost: String(row.cost) };
}
