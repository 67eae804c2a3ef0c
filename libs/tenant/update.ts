import type { TenantUpdated, UpdateTenant } from "@convergence/contracts";
import { rejected } from "./reject.ts";
import type { Tenant, TenantFact, TenantState } from "./state.ts";

/** How many source datasets may be granted to a tenant: it stays one record. */
export const MAX_GRANTS = 1_000;

/** What an update may change. */
type Changeable = Pick<
  Tenant,
  | "tier"
  | "max_pipelines_per_month"
  | "max_concurrent_pipelines"
  | "suspended_at"
  | "suspension_reason"
  | "grants"
>;

/** Decides an UpdateTenant: all of it, or nothing. What is so already is said again. */
export function decideUpdate(tenant: TenantState, command: UpdateTenant): TenantFact[] {
  if (tenant === null)
    return [rejected(command, 404, "tenant-not-found", "There is no such tenant: onboard it first.")];
  if (tenant.lifecycle !== "ACTIVE" && tenant.lifecycle !== "SUSPENDED") {
    return [rejected(command, 409, "tenant-not-active", "The tenant is not onboarded: onboard it first.")];
  }
  const changed: Changeable = {
    tier: command.tier ?? tenant.tier,
    max_pipelines_per_month: limit(tenant.max_pipelines_per_month, command.max_pipelines_per_month),
    max_concurrent_pipelines: limit(tenant.max_concurrent_pipelines, command.max_concurrent_pipelines),
    ...suspension(tenant, command),
    grants: grants(tenant, command),
  };
  if (changed.grants.length > MAX_GRANTS) {
    const detail = `${MAX_GRANTS} datasets are granted to the tenant: take back those that it does not read any more.`;
    return [rejected(command, 409, "too-many-grants", detail)];
  }
  const { reply_to, by, meta } = command;
  const outcome = { command_id: meta.command_id, action: actionOf(command), reply_to, by };
  return [{ type: "TenantUpdated", ...outcome, ...changed }];
}

function limit(now: number | null, change: UpdateTenant["max_pipelines_per_month"]): number | null {
  return change === null ? now : change.limit;
}

function suspension(
  { suspended_at, suspension_reason }: Tenant,
  { suspend, reason, meta }: UpdateTenant,
): Pick<Changeable, "suspended_at" | "suspension_reason"> {
  if (suspend === null) return { suspended_at, suspension_reason };
  if (!suspend) return { suspended_at: null, suspension_reason: null };
  return { suspended_at: suspended_at ?? meta.at, suspension_reason: reason ?? suspension_reason };
}

/** In order, each once. */
function grants({ grants: now }: Tenant, { grant, ungrant }: UpdateTenant): string[] {
  const kept = now.filter((source) => source !== ungrant && source !== grant);
  return grant === null ? kept : [...kept, grant].sort();
}

/** As the audit log names it. */
function actionOf({ suspend, grant, ungrant }: UpdateTenant): string {
  if (grant !== null) return "grant.add";
  if (ungrant !== null) return "grant.remove";
  if (suspend === null) return "tenant.update";
  return suspend ? "tenant.suspend" : "tenant.resume";
}

/** Folds an update. The platform's table is to show it. */
export function updated(tenant: Tenant, event: TenantUpdated): Tenant {
  const { tier, max_pipelines_per_month, max_concurrent_pipelines, suspended_at, suspension_reason, grants } =
    event;
  return {
    ...tenant,
    tier,
    max_pipelines_per_month,
    max_concurrent_pipelines,
    suspended_at,
    suspension_reason,
    grants,
    lifecycle: suspended_at === null ? "ACTIVE" : "SUSPENDED",
    unrecorded: event.meta.version,
  };
}
