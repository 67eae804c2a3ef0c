import type {
  Claimed,
  KeyState,
  OnboardingState,
  PendingReply,
  TenantEventsMessage,
  TenantSnapshot,
  Unstamped,
} from "@convergence/contracts";

/** What happens to a tenant. */
export type TenantEvent = Exclude<TenantEventsMessage, Claimed>;

/** An event as a decision states it, before the writer stamps it. */
export type TenantFact = Unstamped<TenantEvent>;

/** A tenant, or null before its first onboarding. Immutable; the same shape as in its snapshot. */
export type Tenant = Readonly<Omit<TenantSnapshot, "type" | "version" | "inputs" | "recent_commands">>;
export type TenantState = Tenant | null;

/** A tenant before anything happened to it. */
export const NEW_TENANT: Omit<Tenant, "tenant_id"> = {
  tenant_name: "",
  lifecycle: "ONBOARDING",
  tier: "",
  created_at: 0,
  updated_at: 0,
  onboarding: null,
  keys: [],
  credentials: [],
  max_pipelines_per_month: null,
  max_concurrent_pipelines: null,
  suspended_at: null,
  suspension_reason: null,
  grants: [],
  unrecorded: null,
};

/** The tables that every tenant's dataset has: configs/metadata/schemas/*.json. */
export const METADATA_TABLES = [
  "api_keys",
  "cloud_credentials",
  "pipeline_runs",
  "step_logs",
  "dq_results",
] as const;

/** How long an Idempotency-Key is remembered, measured between the times of the commands, in milliseconds. */
export const IDEMPOTENCY_WINDOW_MS = 24 * 3_600_000;

/** How many keys a tenant may have in force, and how many dead ones and waiting clients of it are remembered. */
export const MAX_KEYS = 100;

/** A tenant's key by its id. */
export function keyOf(tenant: TenantState, keyId: string): KeyState | undefined {
  return tenant?.keys.find((key) => key.key_id === keyId);
}

/** True for a key that is in force or about to be. */
export function isLive(key: KeyState): boolean {
  return key.phase !== "REVOKED" && key.phase !== "DEAD";
}

/** True while an onboarding has something left to do. */
export function isUnderWay(onboarding: OnboardingState | null): onboarding is OnboardingState {
  return onboarding !== null && onboarding.phase !== "DONE" && onboarding.phase !== "FAILED";
}

/** What a command's sender waits for. */
export function pendingReply(command: PendingReply): PendingReply {
  const { command_id, reply_to, idempotency, requested_at } = command;
  return { command_id, reply_to, idempotency, requested_at };
}
