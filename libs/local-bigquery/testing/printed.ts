/**
 * The SQL that the customer's specification prints ("Complete Customer Journey", "Monitoring"), to the letter but for
 * whose data it is. Two of them compare TIMESTAMP with DATE, which GoogleSQL refuses: `TODAY` is as printed, `MIDNIGHT`
 * mends them.
 */

/** Whose data is asked for. */
export interface Owner {
  project: string;
  tenant: string;
}

export const TODAY = "CURRENT_DATE()";
export const MIDNIGHT = "TIMESTAMP(CURRENT_DATE())";

const table = ({ project, tenant }: Owner, name: string) => `\`${project}.${tenant}.${name}\``;

export const anyKey = (owner: Owner) => `SELECT
  tenant_id,
  created_at,
  is_active
FROM ${table(owner, "api_keys")}
LIMIT 1;`;

export const keyByHash = (owner: Owner, key: string) => `SELECT tenant_id, is_active
FROM ${table(owner, "api_keys")}
WHERE api_key_hash = SHA256('${key}')
  AND is_active = TRUE`;

export const exported = (owner: Owner, date: string) => `SELECT *
FROM ${table(owner, `billing_export_${date}`)}
LIMIT 100;`;

export const recentRuns = (owner: Owner) => `SELECT
  pipeline_logging_id,
  pipeline_id,
  status,
  start_time,
  end_time,
  TIMESTAMP_DIFF(end_time, start_time, SECOND) as duration_seconds,
  error_message
FROM ${table(owner, "pipeline_runs")}
WHERE start_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 24 HOUR)
ORDER BY start_time DESC;`;

export const stepsOfRun = (owner: Owner, runId: string) => `SELECT
  step_name,
  step_type,
  status,
  start_time,
  end_time,
  duration_ms,
  rows_processed,
  error_message
FROM ${table(owner, "step_logs")}
WHERE pipeline_logging_id = '${runId}'
ORDER BY step_index;`;

export const failedRuns = (owner: Owner, from: string) => `SELECT
  pipeline_logging_id,
  pipeline_id,
  error_message,
  parameters
FROM ${table(owner, "pipeline_runs")}
WHERE status = 'FAILED'
  AND start_time >= ${from}
ORDER BY start_time DESC;`;

export const stepsOfPipeline = (owner: Owner, pipelineId: string, from: string) => `SELECT
  sl.step_name,
  sl.step_type,
  sl.status,
  sl.duration_ms,
  sl.rows_processed,
  sl.error_message
FROM ${table(owner, "step_logs")} sl
JOIN ${table(owner, "pipeline_runs")} pr
  ON sl.pipeline_logging_id = pr.pipeline_logging_id
WHERE pr.pipeline_id = '${pipelineId}'
  AND pr.start_time >= ${from}
ORDER BY sl.step_index;`;

export const insertRun = (
  owner: Owner,
  runId: string,
  pipelineId: string,
) => `INSERT INTO ${table(owner, "pipeline_runs")} (
  pipeline_logging_id,
  pipeline_id,
  tenant_id,
  status,
  trigger_type,
  trigger_by,
  start_time,
  parameters
) VALUES (
  '${runId}',  -- UUID
  '${pipelineId}',
  '${owner.tenant}',
  'PENDING',
  'api',
  'user@example.com',
  CURRENT_TIMESTAMP(),
  JSON '{"date": "2025-11-15"}'
);`;

export const completeRun = (owner: Owner, runId: string) => `UPDATE ${table(owner, "pipeline_runs")}
SET
  status = 'COMPLETE',
  end_time = CURRENT_TIMESTAMP(),
  duration_ms = TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), start_time, MILLISECOND)
WHERE pipeline_logging_id = '${runId}';`;
