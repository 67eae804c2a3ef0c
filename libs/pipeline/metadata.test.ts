import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadTableShapes, type MetadataTable } from "./metadata.ts";

const SCHEMAS = join(import.meta.dirname, "..", "..", "configs", "metadata", "schemas");

/** As the contract writes them: R is required, [] repeated. */
const CONTRACT: Record<MetadataTable, { columns: string; by: string | null; cluster: string }> = {
  api_keys: {
    columns:
      "api_key_id STRING R, tenant_id STRING R, api_key_hash BYTES R, encrypted_api_key BYTES R, created_at TIMESTAMP R, expires_at TIMESTAMP, is_active BOOLEAN R, revoked_at TIMESTAMP, scopes STRING []",
    by: "MONTH created_at",
    cluster: "api_key_hash",
  },
  cloud_credentials: {
    columns:
      "credential_id STRING R, name STRING R, provider STRING R, credential_type STRING R, encrypted_value BYTES R, created_at TIMESTAMP R, updated_at TIMESTAMP R, is_active BOOLEAN R",
    by: "MONTH created_at",
    cluster: "provider",
  },
  pipeline_runs: {
    columns:
      "pipeline_logging_id STRING R, pipeline_id STRING R, tenant_id STRING R, status STRING R, trigger_type STRING R, trigger_by STRING R, start_time TIMESTAMP R, end_time TIMESTAMP, duration_ms INTEGER, config_version STRING, worker_instance STRING, error_message STRING, run_date DATE, parameters JSON, run_version INTEGER",
    by: "DAY start_time",
    cluster: "tenant_id, pipeline_id, status",
  },
  step_logs: {
    columns:
      "step_logging_id STRING R, pipeline_logging_id STRING R, step_name STRING R, step_type STRING R, step_index INTEGER R, status STRING R, start_time TIMESTAMP R, end_time TIMESTAMP, duration_ms INTEGER, rows_processed INTEGER, bytes_processed INTEGER, attempt INTEGER, error_message STRING, metadata JSON, step_version INTEGER",
    by: "DAY start_time",
    cluster: "pipeline_logging_id, status",
  },
  dq_results: {
    columns:
      "dq_result_id STRING R, pipeline_logging_id STRING R, tenant_id STRING R, target_table STRING R, dq_config_id STRING R, executed_at TIMESTAMP R, expectations_passed INTEGER R, expectations_failed INTEGER R, failed_expectations JSON, overall_status STRING R, ingestion_date DATE R",
    by: "DAY ingestion_date",
    cluster: "tenant_id, target_table, overall_status",
  },
  tenants: {
    columns:
      "tenant_id STRING R, company_name STRING, contact_email STRING, subscription_tier STRING R, is_active BOOLEAN R, max_pipelines_per_month INTEGER, max_concurrent_pipelines INTEGER, pipelines_run_this_month INTEGER, current_running_pipelines INTEGER, quota_reset_date DATE, created_at TIMESTAMP R, updated_at TIMESTAMP R, suspended_at TIMESTAMP, suspension_reason STRING",
    by: null,
    cluster: "",
  },
};
const MODES = { REQUIRED: " R", REPEATED: " []", NULLABLE: "" };

test("the metadata tables have the contract's columns, partitions and clusters", async () => {
  for (const [table, shape] of Object.entries(await loadTableShapes(SCHEMAS))) {
    const columns = shape.schema.fields.map(
      ({ name, type, mode }) => `${name} ${type}${MODES[mode ?? "NULLABLE"]}`,
    );
    const by = shape.timePartitioning
      ? `${shape.timePartitioning.type} ${shape.timePartitioning.field}`
      : null;
    const cluster = shape.clustering?.fields.join(", ") ?? "";
    const expected = Object.entries(CONTRACT).find(([name]) => name === table)?.[1];
    assert.deepEqual({ columns: columns.join(", "), by, cluster }, expected, table);
  }
});

test("every table and column says what it is", async () => {
  for (const [table, shape] of Object.entries(await loadTableShapes(SCHEMAS))) {
    assert.ok(shape.description, table);
    for (const { name, description } of shape.schema.fields) assert.ok(description, `${table}.${name}`);
  }
});

const BROKEN: [what: string, from: RegExp, to: string, says: RegExp][] = [
  ["not JSON", /^\{/, "", /api_keys\.json is not JSON/],
  ["an unknown type", /"BYTES"/, '"BLOB"', /schema\.fields\.2\.type/],
  ["an unknown key", /"mode"/, '"modus"', /Unrecognized key: "modus"/],
  ["a column's name that is none", /"tenant_id"/, '"tenant id"', /is not a column's name/],
  [
    "a partition by no column",
    /"field": "created_at"/,
    '"field": "made_at"',
    /by made_at, which is no column/,
  ],
  ["a column twice", /"tenant_id"/, '"api_key_id"', /has a column twice/],
];

test("a broken shape is refused with its file and place", async (t) => {
  for (const [what, from, to, says] of BROKEN) {
    await t.test(what, async (t) => {
      const dir = await mkdtemp(join(tmpdir(), "convergence-schemas-"));
      t.after(() => rm(dir, { recursive: true }));
      await cp(SCHEMAS, dir, { recursive: true });
      const file = join(dir, "api_keys.json");
      const text = await readFile(file, "utf8");
      assert.match(text, from);
      await writeFile(file, text.replace(from, to));
      await assert.rejects(loadTableShapes(dir), says);
    });
  }
});
