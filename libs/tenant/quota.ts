import type { Tenant } from "./state.ts";

export const TIERS = ["FREE", "STARTER", "PROFESSIONAL", "ENTERPRISE"] as const;
export type Tier = (typeof TIERS)[number];

/** Runs a month and runs at once; null: no limit. */
interface Quota {
  monthly: number | null;
  concurrent: number | null;
}

const QUOTAS: Readonly<Record<Tier, Quota>> = {
  FREE: { monthly: 100, concurrent: 1 },
  STARTER: { monthly: 500, concurrent: 3 },
  PROFESSIONAL: { monthly: 2_000, concurrent: 10 },
  ENTERPRISE: { monthly: null, concurrent: null },
};

/** What a tenant may have: its own limits where it has some, else its tier's. A tier that is none is the lowest. */
export function quotaOf(
  tenant: Pick<Tenant, "tier" | "max_pipelines_per_month" | "max_concurrent_pipelines">,
): Quota {
  const tier = QUOTAS[isTier(tenant.tier) ? tenant.tier : "FREE"];
  return {
    monthly: tenant.max_pipelines_per_month ?? tier.monthly,
    concurrent: tenant.max_concurrent_pipelines ?? tier.concurrent,
  };
}

export function isTier(text: string): text is Tier {
  return TIERS.some((tier) => tier === text);
}
