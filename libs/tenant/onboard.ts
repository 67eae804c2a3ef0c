import type { OnboardTenant, Trace } from "@convergence/contracts";
import { credentialDeletions } from "./credentials.ts";
import { keyReused, rejected } from "./reject.ts";
import {
  IDEMPOTENCY_WINDOW_MS,
  isLive,
  isUnderWay,
  keyOf,
  type Tenant,
  type TenantFact,
  type TenantState,
} from "./state.ts";

/** What a decision needs and cannot make itself. */
export interface NewNames {
  keyId: string;
  runId: string;
  /** Subscription tier of a new tenant. */
  tier: string;
  /** Of the request that asks. */
  trace: Trace | null;
}

/** Decides an OnboardTenant: begin, go on with the one under way, begin again, or refuse. */
export function decideOnboard(tenant: TenantState, command: OnboardTenant, names: NewNames): TenantFact[] {
  if (tenant === null) return [accept(command, names)];
  if (tenant.tenant_name !== command.tenant_name) {
    return [
      rejected(
        command,
        409,
        "tenant-exists",
        `A tenant named ${tenant.tenant_name} exists: names differ by more than case.`,
      ),
    ];
  }
  if (isUnderWay(tenant.onboarding)) return [resume(tenant, command)];
  return decideAgain(tenant, command, names);
}

function resume(tenant: Tenant, command: OnboardTenant): TenantFact {
  const { onboarding } = tenant;
  const sameFlags =
    onboarding?.force_recreate_dataset === command.force_recreate_dataset &&
    onboarding.force_recreate_tables === command.force_recreate_tables;
  if (!sameFlags) {
    return rejected(
      command,
      409,
      "onboarding-under-way",
      "An onboarding with other force flags is under way: repeat it as it was sent, or wait until it is over.",
    );
  }
  return {
    type: "OnboardingResumed",
    command_id: command.meta.command_id,
    reply_to: command.reply_to,
    idempotency: command.idempotency,
    requested_at: command.meta.at,
    by: command.by,
  };
}

/** The tenant exists, and its last onboarding is over. */
function decideAgain(tenant: Tenant, command: OnboardTenant, names: NewNames): TenantFact[] {
  const last = tenant.onboarding;
  const repeat = last?.pending.find((earlier) => isRepeat(earlier, command));
  if (repeat !== undefined && repeat.idempotency?.body_hash !== command.idempotency?.body_hash) {
    return [keyReused(command)];
  }
  const firstKey = last === null ? undefined : keyOf(tenant, last.key_id);
  const undelivered = firstKey !== undefined && isLive(firstKey) && !firstKey.delivered;
  const force = command.force_recreate_dataset || command.force_recreate_tables;
  if (repeat !== undefined)
    return reissue(
      tenant,
      { ...command, force_recreate_dataset: false, force_recreate_tables: false },
      names,
    );
  if (force) return recreate(tenant, command, names);
  if (undelivered || last?.phase === "FAILED") return reissue(tenant, command, names);
  return [
    rejected(
      command,
      409,
      "tenant-exists",
      `Tenant ${tenant.tenant_name} is onboarded already: issue a further key, or repeat with a force flag.`,
    ),
  ];
}

function isRepeat(
  earlier: { idempotency: OnboardTenant["idempotency"]; requested_at: number },
  command: OnboardTenant,
): boolean {
  if (command.idempotency === null || earlier.idempotency?.key !== command.idempotency.key) return false;
  return command.meta.at - earlier.requested_at < IDEMPOTENCY_WINDOW_MS;
}

/** A key that may not have reached its owner is replaced. */
function reissue(tenant: Tenant, command: OnboardTenant, names: NewNames): TenantFact[] {
  const old = tenant.onboarding?.key_id;
  return [accept(command, names), ...revocations(tenant, command, (keyId) => keyId === old)];
}

function recreate(tenant: Tenant, command: OnboardTenant, names: NewNames): TenantFact[] {
  return [
    accept(command, names),
    ...revocations(tenant, command, () => true),
    ...credentialDeletions(tenant, command.by),
  ];
}

function revocations(tenant: Tenant, { by }: OnboardTenant, which: (keyId: string) => boolean): TenantFact[] {
  return tenant.keys
    .filter((key) => isLive(key) && which(key.key_id))
    .map((key) => ({ type: "KeyRevoked", command_id: null, key_id: key.key_id, reply_to: null, by }));
}

function accept(command: OnboardTenant, names: NewNames): TenantFact {
  return {
    type: "OnboardingAccepted",
    command_id: command.meta.command_id,
    tenant_name: command.tenant_name,
    force_recreate_dataset: command.force_recreate_dataset,
    force_recreate_tables: command.force_recreate_tables,
    idempotency: command.idempotency,
    tier: names.tier,
    requested_at: command.meta.at,
    reply_to: command.reply_to,
    key_id: names.keyId,
    run_id: names.runId,
    trace: names.trace,
    by: command.by,
  };
}
