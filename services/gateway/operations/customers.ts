import { type AdminCaller, requireTenant, type TenantCaller } from "../access.ts";
import { ApiProblem } from "../problem.ts";
import { keysOf, type ListedKey } from "./api-keys.ts";
import type { Context } from "./context.ts";

/** Runs a month and runs at once that a tier allows; null: no limit. */
const QUOTAS: Readonly<Record<string, { monthly: number | null; concurrent: number | null }>> = {
  FREE: { monthly: 100, concurrent: 1 },
  STARTER: { monthly: 500, concurrent: 3 },
  PROFESSIONAL: { monthly: 2_000, concurrent: 10 },
  ENTERPRISE: { monthly: null, concurrent: null },
};

/** A tenant as its owner or an operator sees it. Times are ISO 8601 in UTC. */
export interface Customer {
  tenant_id: string;
  state: string;
  tier: string;
  created_at: string;
  updated_at: string;
  quota: { max_pipelines_per_month: number | null; max_concurrent_pipelines: number | null };
  /** Of the present month (UTC). */
  usage: { pipelines_this_month: number; running_pipelines: number };
  api_keys: ListedKey[];
}

/** @throws ApiProblem 403 for another tenant's key, 404 for an unknown tenant */
export async function readCustomer(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
): Promise<Customer> {
  requireTenant(caller, tenantId);
  const tenant = context.tenants.get(tenantId.toLowerCase());
  if (tenant === undefined) throw unknownTenant();
  const now = new Date(context.deps.clock.now());
  const month = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  const usage = await context.runs.usage(tenant.tenant_id, month);
  const quota = QUOTAS[tenant.tier];
  return {
    tenant_id: tenant.tenant_name,
    state: tenant.lifecycle,
    tier: tenant.tier,
    created_at: new Date(tenant.created_at).toISOString(),
    updated_at: new Date(tenant.updated_at).toISOString(),
    quota: {
      max_pipelines_per_month: quota?.monthly ?? null,
      max_concurrent_pipelines: quota?.concurrent ?? null,
    },
    usage: { pipelines_this_month: usage.started, running_pipelines: usage.open },
    api_keys: keysOf(context, tenant.tenant_id),
  };
}

/**
 * The tenant's id as it was onboarded. A tenant's own key proves that it exists.
 * @throws ApiProblem 404
 */
export function requireKnownTenant(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
): { name: string } {
  if (caller.kind === "tenant") return { name: caller.tenantName };
  const tenant = context.tenants.get(tenantId.toLowerCase());
  if (tenant === undefined) throw unknownTenant();
  return { name: tenant.tenant_name };
}

function unknownTenant(): ApiProblem {
  return new ApiProblem(404, "tenant-not-found", "There is no tenant of this id: onboard it first.");
}
