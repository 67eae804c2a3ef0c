import type { Tenant } from "@convergence/tenant";
import type { MergeJob } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import type { TenantServiceDeps } from "./deps.ts";

/** A row of one of a tenant's own tables, and what is merged of it. */
export interface TenantRow extends Pick<MergeJob, "columns" | "required" | "version"> {
  table: "api_keys" | "cloud_credentials";
  /** The column that tells rows apart. */
  key: string;
  row: MergeJob["rows"][number];
  /** Names the job, beside `purpose`: of what the row tells. */
  name: string;
  purpose: string;
  /** Whether the row is to be stored: it then waits until the table is there. A mark needs no row where none can be. */
  isNew: boolean;
}

/** Merges a row into a tenant's table, once for each purpose and making of that table. */
export async function mergeTenantRow(
  { warehouse }: TenantServiceDeps,
  { tenant_id, tenant_name }: Tenant,
  { table: name, key, columns, required, version, row, name: of, purpose, isNew }: TenantRow,
): Promise<void> {
  const table = { dataset: tenant_name, table: name };
  const info = await warehouse.getTable(table);
  if (info === null && !isNew) return;
  await runOnce(warehouse, `${of}_${info?.createdAt ?? 0}_${purpose}`, (jobId) =>
    warehouse.submitMerge({
      jobId,
      table,
      columns,
      keys: [key],
      version,
      partition: "created_at",
      required,
      rows: [row],
      labels: { tenant: tenant_id },
    }),
  );
}
