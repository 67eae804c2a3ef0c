/** Files of tenants' inboxes are loaded, by the platform as a whole. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { configsWith } from "./testing/configs.ts";
import { onboard, tenantClient } from "./testing/http.ts";
import { freshPlace, startPlatform } from "./testing/platform.ts";

const TEMPLATE = `steps:
  - step_id: load
    type: bigquery_load
    files: ["costs-{date}.csv"]
    format: csv
    schema: detect
    destination: { table: costs, write_mode: append }
`;

test("each tenant's run loads the file of its own inbox; one without the file fails and says so", async (t) => {
  const place = await freshPlace();
  const inbox = await mkdtemp(path.join(tmpdir(), "inbox-"));
  const configs = await configsWith({ load: TEMPLATE });
  const env = { CONVERGENCE_CONFIGS_DIR: configs, CONVERGENCE_INBOX: inbox, LOG_LEVEL: "fatal" };
  const platform = await startPlatform(place, env);
  t.after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
    for (const folder of [configs, inbox]) await rm(folder, { recursive: true });
  });
  await mkdir(path.join(inbox, "Filer_1"));
  await writeFile(path.join(inbox, "Filer_1", "costs-2025-11-15.csv"), "service,cost\nrun,1.5\ngke,2\n");
  const ran = async (tenant: string) => {
    const client = tenantClient(platform.url, tenant, await onboard(platform.url, tenant));
    const { body } = await client.run("gcp/example/load", { date: "2025-11-15" });
    return (await client.finished(body.pipeline_logging_id)).body;
  };
  const done = await ran("Filer_1");
  assert.equal(done.status, "COMPLETE", JSON.stringify(done));
  assert.match(JSON.stringify(done.steps), /"rows_processed":2/);
  const lacking = await ran("Other_1");
  assert.equal(lacking.status, "FAILED");
  assert.match(JSON.stringify(lacking), /inbox folder is missing on this runner/);
});
