import { iso } from "@convergence/runtime/iso.ts";
import { METADATA_TABLES, quotaOf, type Tenant } from "@convergence/tenant";
import type { TableShape, Warehouse } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import { OnboardingStopped, type TenantServiceDeps } from "../deps.ts";

/** Labels of a dataset that is ours: only such a one is ever used or deleted. */
export function ownershipLabels(tenantId: string): Record<string, string> {
  return { tenant: tenantId, managed_by: "convergence" };
}

/**
 * Creates the tenant's dataset. True where it was not there before.
 * @throws OnboardingStopped when one of this name is not ours
 */
export async function provisionDataset(warehouse: Warehouse, tenant: Tenant): Promise<boolean> {
  const { tenant_name: dataset, tenant_id } = tenant;
  const labels = ownershipLabels(tenant_id);
  const made = await warehouse.createDataset(dataset, labels, `Convergence: cost data of ${dataset}`);
  if (made === "created") return true;
  await requireOurs(warehouse, tenant);
  return false;
}

/** @throws OnboardingStopped when a dataset of this name exists and is not ours */
export async function requireOurs(warehouse: Warehouse, tenant: Tenant): Promise<void> {
  const there = await warehouse.getDataset(tenant.tenant_name);
  if (there === null) return;
  const ours = Object.entries(ownershipLabels(tenant.tenant_id)).every(
    ([label, value]) => there.labels[label] === value,
  );
  if (ours) return;
  throw new OnboardingStopped(
    409,
    "dataset-not-ours",
    `Dataset ${tenant.tenant_name} exists and was not made by Convergence: choose another tenant_id, or remove it.`,
  );
}

/** Creates the five metadata tables, and the tenant's row in the platform's `tenants`. Returns the tables' names. */
export async function provisionTables(
  deps: TenantServiceDeps,
  tenant: Tenant,
  version: number,
): Promise<string[]> {
  const dataset = tenant.tenant_name;
  await Promise.all(
    METADATA_TABLES.map((table) => deps.warehouse.createTable({ dataset, table }, shapeOf(deps, table))),
  );
  await recordTenant(deps, tenant, version);
  return [...METADATA_TABLES];
}

/** Creates the platform's dataset and `tenants` table where they are missing. */
export async function provisionPlatform(deps: TenantServiceDeps): Promise<void> {
  const { warehouse, platformDataset } = deps;
  await warehouse.createDataset(
    platformDataset,
    { managed_by: "convergence" },
    "Convergence: the platform's own tables",
  );
  await warehouse.createTable({ dataset: platformDataset, table: "tenants" }, shapeOf(deps, "tenants"));
}

/** Writes the tenant as of `version` into the platform's `tenants` table. */
export async function recordTenant(deps: TenantServiceDeps, tenant: Tenant, version: number): Promise<void> {
  const table = { dataset: deps.platformDataset, table: "tenants" };
  const quota = quotaOf(tenant);
  const row = {
    tenant_id: tenant.tenant_name,
    subscription_tier: tenant.tier,
    max_pipelines_per_month: quota.monthly,
    max_concurrent_pipelines: quota.concurrent,
    suspended_at: iso(tenant.suspended_at),
    suspension_reason: tenant.suspension_reason,
    is_active: tenant.lifecycle === "ACTIVE",
    created_at: iso(tenant.created_at),
    updated_at: iso(tenant.updated_at),
  };
  // The onboarding's key tells one incarnation of the log from another: versions begin again, ids are random.
  const name = `tenants_${tenant.tenant_id}_${tenant.onboarding?.key_id ?? ""}_v${version}`;
  await runOnce(deps.warehouse, name, (jobId) =>
    deps.warehouse.submitMerge({
      jobId,
      table,
      columns: [
        { name: "tenant_id", type: "STRING" },
        { name: "subscription_tier", type: "STRING" },
        { name: "max_pipelines_per_month", type: "INT64" },
        { name: "max_concurrent_pipelines", type: "INT64" },
        { name: "suspended_at", type: "TIMESTAMP" },
        { name: "suspension_reason", type: "STRING" },
        { name: "is_active", type: "BOOL" },
        { name: "created_at", type: "TIMESTAMP" },
        { name: "updated_at", type: "TIMESTAMP" },
      ],
      keys: ["tenant_id"],
      version: "updated_at",
      partition: null,
      required: ["tenant_id", "subscription_tier", "is_active", "created_at", "updated_at"],
      emptied: ["max_pipelines_per_month", "max_concurrent_pipelines", "suspended_at", "suspension_reason"],
      rows: [row],
      labels: { tenant: tenant.tenant_id },
    }),
  );
}
function shapeOf({ tableShapes }: TenantServiceDeps, table: string): TableShape {
  const shape = tableShapes[table];
  if (shape === undefined) throw new Error(`no shape for table ${table}: see configs/metadata/schemas`);
  return shape;
}
