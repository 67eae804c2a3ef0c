/**
 * `npm run demo`: the printed journey on real rows, with the result checked.
 * `npm run demo -- --billing TENANT`: only fills an onboarded tenant's `billing` table.
 * Uses the platform that runs on PORT; starts one for the time of the demo where none answers.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { lifecycle, logger, readConfig, StartError } from "@convergence/runtime";
import { loadBilling, localClient } from "./demo/bigquery.ts";
import { billingSample } from "./demo/billing-rows.ts";
import { journey } from "./demo/journey.ts";
import { startEmbedded } from "./embedded.ts";

const TENANT = "acmeinc_23xv2";
const root = path.dirname(import.meta.dirname);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { billing: { type: "string" } } });
  const config = readConfig(process.env);
  const logOf = (service: string) => logger({ level: config.LOG_LEVEL, service });
  const parts = lifecycle(logOf("demo"));
  const host = config.HOST.includes(":") ? `[${config.HOST}]` : config.HOST;
  let gatewayUrl = `http://${host}:${config.PORT}`;
  let bigQueryUrl = `http://${host}:${config.LOCAL_BIGQUERY_PORT}`;
  try {
    if (!(await answers(gatewayUrl))) {
      console.log(`Nothing answers on ${gatewayUrl}: starting Convergence for the time of this demo.\n`);
      ({ gatewayUrl, bigQueryUrl } = await startEmbedded(config, logOf, parts, "demo"));
    }
    const client = localClient(bigQueryUrl, config.GCP_PROJECT_ID);
    const sample = billingSample(root);
    if (values.billing !== undefined) {
      const rows = await loadBilling(client, values.billing, sample);
      console.log(`${values.billing}.billing has ${rows} rows: ${sample.source}.`);
      return;
    }
    const adminKey = config.ADMIN_API_KEY ?? readAdminKey(config.CONVERGENCE_DATA_DIR);
    await journey({
      gatewayUrl,
      bigQueryUrl,
      client,
      sample,
      tenant: TENANT,
      project: config.GCP_PROJECT_ID,
      adminKey,
    });
  } finally {
    await parts.stop();
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`)).ok;
  } catch {
    return false;
  }
}

/** The key that the platform made at its first start; undefined before that. */
function readAdminKey(dataDir: string): string | undefined {
  try {
    return readFileSync(path.join(dataDir, "admin-key"), "utf8").trim();
  } catch {
    return undefined;
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const remedy = error instanceof StartError ? ` ${error.remedy}` : "";
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}${remedy}`);
  process.exit(1);
}
