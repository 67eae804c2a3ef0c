import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { TenantEvent, TenantState } from "@convergence/tenant";

/** Upper bounds in seconds: an onboarding takes seconds, and its client waits for 120 s at most. */
const ONBOARDING_SECONDS = [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] as const;

/** What each event that changes a key is counted as. */
const KEY_CHANGES: Partial<Record<TenantEvent["type"], string>> = {
  KeyIssued: "issued",
  KeyActivated: "activated",
  KeyRevoked: "revoked",
  KeyFailed: "failed",
};

/** Counts the events that this instance wrote; `state` is the tenant's after the event. */
export function tenantCounting(metrics: Metrics): (event: TenantEvent, state: TenantState) => void {
  const onboardings = metrics.counter(
    "convergence_onboardings_total",
    "Onboardings that ended. outcome: COMPLETE, DRYRUN_FAILED (the validation run failed), FAILED.",
    ["outcome"],
  );
  const durations = metrics.histogram(
    "convergence_onboarding_duration_seconds",
    "From an onboarding's acceptance to its end.",
    ONBOARDING_SECONDS,
  );
  const changes = metrics.counter(
    "convergence_api_key_changes_total",
    "Changes of API keys. change: issued, activated, revoked, failed (not encrypted).",
    ["change"],
  );
  const rejected = metrics.counter(
    "convergence_tenant_commands_rejected_total",
    "Commands about tenants and keys that were refused, by reason.",
    ["reason"],
  );
  const ended = (outcome: string, at: number, state: TenantState) => {
    onboardings.inc({ outcome });
    const begun = state?.onboarding?.started_at;
    if (begun !== undefined) durations.observe(Math.max(0, at - begun) / 1000);
  };
  return (event, state) => {
    const change = KEY_CHANGES[event.type];
    if (change !== undefined) changes.inc({ change });
    if (event.type === "OnboardingFinished") {
      ended(event.dryrun_status === "SUCCESS" ? "COMPLETE" : "DRYRUN_FAILED", event.meta.at, state);
    } else if (event.type === "OnboardingFailed") ended("FAILED", event.meta.at, state);
    else if (event.type === "TenantCommandRejected") rejected.inc({ reason: event.reason });
  };
}
