import { monthOf } from "@convergence/run";
import { iso } from "@convergence/runtime/iso.ts";
import { quotaOf } from "@convergence/tenant";
import { type AdminCaller, requireTenant, type TenantCaller } from "../access.ts";
import { ApiProblem } from "../problem.ts";
import { keysOf, type ListedKey } from "./api-keys.ts";
import type { Context } from "./context.ts";

/** A tenant as its owner or an operator sees it. Times are ISO 8601 in UTC. */
export interface Customer {
  tenant_id: string;
  state: string;
  suspended_at: string | null;
  suspension_reason: string | null;
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
  const usage = await context.runs.usage(tenant.tenant_id, monthOf(context.deps.clock.now()));
  const quota = quotaOf(tenant);
  return {
    tenant_id: tenant.tenant_name,
    state: tenant.lifecycle,
    suspended_at: iso(tenant.suspended_at),
    suspension_reason: tenant.suspension_reason,
    tier: tenant.tier,
    created_at: iso(tenant.created_at),
    updated_at: iso(tenant.updated_at),
    quota: {
      max_pipelines_per_month: quota.monthly,
      max_concurrent_pipelines: quota.concurrent,
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
