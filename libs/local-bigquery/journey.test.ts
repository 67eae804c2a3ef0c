import assert from "node:assert/strict";
import { test } from "node:test";
import { type Kit, PROJECT, refuses, startKit } from "./test-kit.ts";
import * as printed from "./testing/printed.ts";

const TENANT = "acmeinc_23xv2";
const OWNER = { project: PROJECT, tenant: TENANT };
const PIPELINE = `${TENANT}-gcp-cost-bill-sample-export-template`;

const TABLES = {
  api_keys: {
    schema: {
      fields: [
        { name: "api_key_id", type: "STRING", mode: "REQUIRED" },
        { name: "tenant_id", type: "STRING", mode: "REQUIRED" },
        { name: "api_key_hash", type: "BYTES", mode: "REQUIRED" },
        { name: "is_active", type: "BOOLEAN", mode: "REQUIRED" },
        { name: "scopes", type: "STRING", mode: "REPEATED" },
        { name: "created_at", type: "TIMESTAMP", mode: "REQUIRED" },
      ],
    },
    clustering: { fields: ["tenant_id"] },
  },
  pipeline_runs: {
    description: "One row a run",
    schema: {
      fields: [
        { name: "pipeline_logging_id", type: "STRING", mode: "REQUIRED" },
        { name: "pipeline_id", type: "STRING", mode: "REQUIRED" },
        { name: "tenant_id", type: "STRING", mode: "REQUIRED" },
        { name: "status", type: "STRING", mode: "REQUIRED" },
        { name: "trigger_type", type: "STRING" },
        { name: "trigger_by", type: "STRING" },
        { name: "start_time", type: "TIMESTAMP", mode: "REQUIRED" },
        { name: "end_time", type: "TIMESTAMP" },
        { name: "duration_ms", type: "INTEGER" },
        { name: "parameters", type: "JSON" },
        { name: "error_message", type: "STRING" },
      ],
    },
    timePartitioning: { type: "DAY", field: "start_time" },
    clustering: { fields: ["tenant_id", "pipeline_id"] },
  },
  step_logs: {
    schema: {
      fields: [
        { name: "pipeline_logging_id", type: "STRING", mode: "REQUIRED" },
        { name: "step_name", type: "STRING" },
        { name: "step_type", type: "STRING" },
        { name: "step_index", type: "INTEGER" },
        { name: "status", type: "STRING" },
        { name: "start_time", type: "TIMESTAMP" },
        { name: "end_time", type: "TIMESTAMP" },
        { name: "duration_ms", type: "INTEGER" },
        { name: "rows_processed", type: "INTEGER" },
        { name: "error_message", type: "STRING" },
      ],
    },
    timePartitioning: { type: "DAY", field: "start_time" },
  },
};

async function onboard({ client }: Kit): Promise<void> {
  const [dataset] = await client.createDataset(TENANT, { location: "US", labels: { tenant: TENANT } });
  for (const [name, shape] of Object.entries(TABLES)) await dataset.createTable(name, shape);
}

const ID = "550e8400-e29b-41d4-a716-446655440000";

test("dataset and tables are as they were asked for", async (t) => {
  const kit = await startKit(t);
  await onboard(kit);
  const [dataset] = await kit.client.dataset(TENANT).get();
  assert.deepEqual(dataset.metadata.labels, { tenant: TENANT });
  assert.equal(dataset.metadata.location, "US");
  const [tables] = await kit.client.dataset(TENANT).getTables();
  assert.deepEqual(
    tables.map((table) => table.id),
    ["api_keys", "pipeline_runs", "step_logs"],
  );
  const [table] = await kit.client.dataset(TENANT).table("pipeline_runs").get();
  assert.equal(table.metadata.description, "One row a run");
  assert.deepEqual(table.metadata.timePartitioning, { type: "DAY", field: "start_time" });
  assert.deepEqual(table.metadata.clustering, { fields: ["tenant_id", "pipeline_id"] });
  assert.equal(table.metadata.numRows, "0");
  assert.deepEqual(table.metadata.schema.fields[0], {
    name: "pipeline_logging_id",
    type: "STRING",
    mode: "REQUIRED",
  });
});

test("the printed INSERT, UPDATE and SELECT statements give the right rows", async (t) => {
  const kit = await startKit(t);
  await onboard(kit);
  await kit.rows(printed.insertRun(OWNER, ID, PIPELINE));
  await kit.rows(printed.completeRun(OWNER, ID));
  const runs = await kit.rows(printed.recentRuns(OWNER));
  assert.equal(runs.length, 1);
  const [run] = runs;
  assert.ok(typeof run === "object" && run !== null && "status" in run && "duration_seconds" in run);
  assert.equal(run.status, "COMPLETE");
  assert.equal(run.duration_seconds, 0);
  const parameters = await kit.rows(
    `SELECT parameters, JSON_VALUE(parameters, '$.date') AS date FROM \`${PROJECT}.${TENANT}.pipeline_runs\``,
  );
  assert.deepEqual(parameters, [{ parameters: '{"date":"2025-11-15"}', date: "2025-11-15" }]);
});

test("a key is found by its hash, as the specification authenticates", async (t) => {
  const kit = await startKit(t);
  await onboard(kit);
  const key = "acmeinc_23xv2_api_xK9mPqWz7LnR4vYt";
  const table = `\`${PROJECT}.${TENANT}.api_keys\``;
  await kit.rows(
    `INSERT INTO ${table} (api_key_id, tenant_id, api_key_hash, is_active, created_at) VALUES ('k1', '${TENANT}', SHA256('${key}'), TRUE, CURRENT_TIMESTAMP())`,
  );
  const found = await kit.rows(printed.keyByHash(OWNER, key));
  assert.deepEqual(found, [{ tenant_id: TENANT, is_active: true }]);
  assert.deepEqual(await kit.rows(`SELECT tenant_id FROM ${table} WHERE api_key_hash = SHA256('other')`), []);
});

test("the two statements that compare TIMESTAMP with DATE are refused, their mended form is answered", async (t) => {
  const kit = await startKit(t);
  await onboard(kit);
  await kit.rows(printed.insertRun(OWNER, ID, PIPELINE));
  await kit.rows(printed.completeRun(OWNER, ID).replace("'COMPLETE'", "'FAILED'"));
  await kit.rows(
    `INSERT INTO ${TENANT}.step_logs (pipeline_logging_id, step_name, step_index, status) VALUES ('${ID}', 'b', 2, 'FAILED'), ('${ID}', 'a', 1, 'COMPLETE')`,
  );
  const message = /^No matching signature for operator >= for argument types: TIMESTAMP, DATE.* at \[8:7\]$/;
  await refuses(kit, printed.failedRuns(OWNER, printed.TODAY), 400, "invalidQuery", message);
  assert.equal((await kit.rows(printed.failedRuns(OWNER, printed.MIDNIGHT))).length, 1);
  const steps = (from: string) => printed.stepsOfPipeline(OWNER, PIPELINE, from);
  await refuses(
    kit,
    steps(printed.TODAY),
    400,
    "invalidQuery",
    /operator >= for argument types: TIMESTAMP, DATE/,
  );
  const rows = await kit.rows(steps(printed.MIDNIGHT));
  assert.deepEqual(
    rows.map((row) => typeof row === "object" && row !== null && "step_name" in row && row.step_name),
    ["a", "b"],
  );
});

test("the template's query exports one day into a table with a dashed name", async (t) => {
  const kit = await startKit(t);
  await onboard(kit);
  await kit.rows(
    `CREATE TABLE ${TENANT}.billing (date DATE, service STRING, cost NUMERIC) PARTITION BY date`,
  );
  await kit.rows(
    `INSERT INTO ${TENANT}.billing VALUES ('2025-11-15', 'compute', NUMERIC '1.10'), ('2025-11-15', 'storage', NUMERIC '2.20'), ('2025-11-14', 'compute', NUMERIC '9')`,
  );
  const [job] = await kit.client.createQueryJob({
    query: "SELECT * FROM billing WHERE date = @p",
    params: { p: "2025-11-15" },
    types: { p: "STRING" },
    defaultDataset: { datasetId: TENANT, projectId: PROJECT },
    destination: kit.client.dataset(TENANT).table("billing_export_2025-11-15"),
    writeDisposition: "WRITE_TRUNCATE",
    jobId: "export_1",
  });
  await job.promise();
  const [metadata] = await job.getMetadata();
  const stages = metadata.statistics.query.queryPlan;
  assert.equal(stages.at(-1).recordsWritten, "2");
  assert.ok(Number(metadata.statistics.totalBytesProcessed) > 0);
  const rows = await kit.rows(
    `SELECT COUNT(*) AS n, SUM(cost) AS cost FROM \`${PROJECT}.${TENANT}.billing_export_2025-11-15\` LIMIT 100;`,
  );
  assert.deepEqual(rows, [{ n: 2, cost: "3.3" }]);
});
