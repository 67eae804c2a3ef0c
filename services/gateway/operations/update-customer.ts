import type { UpdateTenant } from "@convergence/contracts";
import type { Tier } from "@convergence/tenant";
import type { AdminCaller } from "../access.ts";
import { commandMeta, requester } from "../commands.ts";
import { type Context, OWN_VIEW_MS, type RequestHead } from "./context.ts";
import { type Customer, readCustomer, requireKnownTenant } from "./customers.ts";

/** What an operator changes of a customer; what is absent stays. */
export interface CustomerChanges {
  subscription_tier?: Tier | undefined;
  /** Null: as the tier says. */
  max_pipelines_per_month?: number | null | undefined;
  /** Null: as the tier says. */
  max_concurrent_pipelines?: number | null | undefined;
  /** False resumes. */
  suspend?: boolean | undefined;
  reason?: string | undefined;
}

/**
 * Changes a customer's tier and quotas, suspends or resumes it.
 * @returns the customer as it is then
 * @throws ApiProblem 404, 409 for one that is not onboarded, 503
 */
export async function updateCustomer(
  context: Context,
  caller: AdminCaller,
  tenantId: string,
  changes: CustomerChanges,
  head: RequestHead,
): Promise<Customer> {
  await askToUpdate(context, caller, tenantId, head, {
    tier: changes.subscription_tier ?? null,
    max_pipelines_per_month: limitOf(changes.max_pipelines_per_month),
    max_concurrent_pipelines: limitOf(changes.max_concurrent_pipelines),
    suspend: changes.suspend ?? null,
    reason: changes.reason ?? null,
  });
  return readCustomer(context, caller, tenantId);
}

function limitOf(limit: number | null | undefined): UpdateTenant["max_pipelines_per_month"] {
  return limit === undefined ? null : { limit };
}

const UNCHANGED = {
  tier: null,
  max_pipelines_per_month: null,
  max_concurrent_pipelines: null,
  suspend: null,
  reason: null,
  grant: null,
  ungrant: null,
} as const;

/** Has a tenant changed. When this returns, this gateway shows it. @throws ApiProblem 404, 409, 503 */
export async function askToUpdate(
  context: Context,
  caller: AdminCaller,
  tenantId: string,
  head: RequestHead,
  changes: Partial<Omit<UpdateTenant, "type" | "meta" | "reply_to" | "by">>,
): Promise<void> {
  requireKnownTenant(context, caller, tenantId);
  await context.replies.ask(
    {
      type: "UpdateTenant",
      meta: commandMeta(context.deps, tenantId),
      ...UNCHANGED,
      ...changes,
      reply_to: context.replies.replyTo,
      by: requester(caller, head.requestId),
    },
    head.trace,
  );
  await context.tenants.follower.caughtUp(OWN_VIEW_MS);
}
