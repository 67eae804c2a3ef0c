import { encode, type PendingReply, type ReplyTo, type TenantReply } from "@convergence/contracts";
import { iso } from "@convergence/runtime/iso.ts";
import { keyOf, type Tenant } from "@convergence/tenant";
import { keyAad } from "./api-keys/issue.ts";
import type { TenantServiceDeps } from "./deps.ts";

type Answer = Pick<TenantReply, "status"> & Partial<TenantReply>;

/** Answers every command that waits for the tenant's onboarding. */
export async function replyOnboarded(deps: TenantServiceDeps, tenant: Tenant): Promise<void> {
  const { onboarding, tenant_name } = tenant;
  if (onboarding === null) return;
  const body = JSON.stringify({
    tenant_id: tenant_name,
    dataset_created: onboarding.dataset_created,
    tables_created: onboarding.tables_created,
    dryrun_status: onboarding.dryrun_status,
    message: onboardedMessage(tenant_name, onboarding.dryrun_status),
  });
  for (const pending of onboarding.pending) {
    await replyWithKey(deps, tenant, onboarding.key_id, pending, { status: 200, body });
  }
}

function onboardedMessage(name: string, status: string | null): string {
  const keep = "Save your API key - it will only be shown once!";
  if (status === "SUCCESS") return `Customer ${name} onboarded successfully. ${keep}`;
  return `Customer ${name} onboarded, but its validation pipeline failed: look at its run. ${keep}`;
}

/** Answers the command that asked for a key. */
export async function replyIssued(deps: TenantServiceDeps, tenant: Tenant, keyId: string): Promise<void> {
  const key = keyOf(tenant, keyId);
  if (key === undefined || key.request === null) return;
  const body = JSON.stringify({
    key_id: keyId,
    scopes: key.scopes,
    expires_at: iso(key.expires_at),
    ...(key.replaces === null
      ? {}
      : {
          replaces: {
            key_id: key.replaces,
            expires_at: iso(keyOf(tenant, key.replaces)?.expires_at ?? null),
          },
        }),
  });
  await replyWithKey(deps, tenant, keyId, key.request, { status: 201, body });
}

/** Answers the command that asked for a credential, or one that repeats it. */
export async function replyCredential(
  deps: TenantServiceDeps,
  tenant: Tenant,
  credentialId: string,
  asked?: Pick<PendingReply, "command_id" | "reply_to">,
): Promise<void> {
  const credential = tenant.credentials.find((one) => one.credential_id === credentialId);
  const waiting = asked ?? credential?.request ?? null;
  if (credential === undefined || waiting === null) return;
  const { name, provider, credential_type, created_at, updated_at } = credential;
  const times = { created_at: iso(created_at), updated_at: iso(updated_at) };
  const body = JSON.stringify({ name, provider, credential_type, ...times });
  await reply(deps, waiting.command_id, waiting.reply_to, { status: 200, body });
}
async function replyWithKey(
  deps: TenantServiceDeps,
  tenant: Tenant,
  keyId: string,
  pending: PendingReply,
  answer: Answer,
): Promise<void> {
  const encrypted = keyOf(tenant, keyId)?.encrypted;
  if (encrypted === undefined || encrypted === null) return; // Delivered meanwhile: there is nothing to answer.
  const text = await deps.keys.decrypt(encrypted, keyAad(tenant.tenant_id, keyId));
  const sealed_key = await deps.sealing.seal(text, pending.reply_to.public_key, keyId);
  await reply(deps, pending.command_id, pending.reply_to, {
    ...answer,
    key_id: keyId,
    sealed_key: Buffer.from(sealed_key),
  });
}

/** Answers one command. */
export async function reply(
  { bus }: TenantServiceDeps,
  command_id: string,
  { gateway }: Pick<ReplyTo, "gateway">,
  answer: Answer,
): Promise<void> {
  const value = encode({
    type: "TenantReply",
    reason: null,
    detail: null,
    body: null,
    key_id: null,
    sealed_key: null,
    ...answer,
    command_id,
    gateway,
  });
  await bus.append([{ topic: "tenant.replies", key: gateway, value }]);
}
