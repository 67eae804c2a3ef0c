import type { CredentialState } from "@convergence/contracts";
import { type CredentialType, credentialFault, sealedCredentialAad } from "@convergence/keys/credential.ts";
import { iso } from "@convergence/runtime/iso.ts";
import { credentialOf } from "@convergence/tenant";
import { z } from "zod";
import { type AdminCaller, requireTenant, type TenantCaller } from "../access.ts";
import { commandMeta, idempotency, requester } from "../commands.ts";
import { ApiProblem, invalidField, unavailable } from "../problem.ts";
import { type Context, OWN_VIEW_MS, type RequestHead } from "./context.ts";
import { requireKnownTenant } from "./customers.ts";

export interface CredentialRequest {
  provider: string;
  credential_type: CredentialType;
  value: string;
}

const listedCredential = z.object({
  name: z.string(),
  provider: z.string(),
  credential_type: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});
/** A credential as it is shown: never its secret. Times are ISO 8601 in UTC. */
export type ListedCredential = z.output<typeof listedCredential>;

/** A tenant's credentials, by name. @throws ApiProblem 403, 404 */
export function listCredentials(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
): { tenant_id: string; credentials: ListedCredential[] } {
  requireTenant(caller, tenantId);
  const tenant = requireKnownTenant(context, caller, tenantId);
  const known = context.tenants.get(tenantId.toLowerCase())?.credentials ?? [];
  const credentials = known.filter(({ phase }) => phase === "ACTIVE").map(listed);
  return { tenant_id: tenant.name, credentials: credentials.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** @throws ApiProblem 403, 404 */
export function readCredential(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
  name: string,
): ListedCredential {
  requireTenant(caller, tenantId);
  requireKnownTenant(context, caller, tenantId);
  const tenant = context.tenants.get(tenantId.toLowerCase());
  const credential = tenant === undefined ? undefined : credentialOf(tenant, name);
  if (credential === undefined) {
    const detail = "This tenant has no credential of this name: list its credentials.";
    throw new ApiProblem(404, "credential-not-found", detail);
  }
  return listed(credential);
}

/**
 * Stores a secret under a name, in place of the one that is there; when this returns, steps get this one. It leaves this
 * process sealed to tenant-service alone.
 * @throws ApiProblem 403, 404, 409, 422; 503 where it cannot be sealed or encrypted, or the log is away
 */
export async function setCredential(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
  name: string,
  { provider, credential_type, value }: CredentialRequest,
  head: RequestHead,
): Promise<ListedCredential> {
  requireTenant(caller, tenantId);
  requireKnownTenant(context, caller, tenantId);
  const fault = credentialFault(credential_type, value);
  if (fault !== null) throw invalidField("value", `for ${credential_type}: ${fault}`);
  const { deps, sealingKeys, replies, tenants } = context;
  const key = sealingKeys.newest();
  if (key === undefined) {
    throw unavailable("no-sealing-key", "tenant-service has not made its sealing key yet: repeat later.");
  }
  const meta = commandMeta(deps, tenantId);
  const aad = sealedCredentialAad(meta.tenant_id, name, meta.command_id);
  const granted = await replies.ask(
    {
      type: "SetCredential",
      meta,
      name,
      provider,
      credential_type,
      sealed: Buffer.from(await deps.sealing.seal(Buffer.from(value, "utf8"), key.public_key, aad)),
      sealing_key_id: key.key_id,
      // Without the value: a digest of a secret that can be guessed would tell it, and the log is kept for ever.
      idempotency: idempotency(head.idempotencyKey, `credentials/${name}`, { provider, credential_type }),
      reply_to: replies.replyTo,
      by: requester(caller, head.requestId),
    },
    head.trace,
  );
  const answer = listedCredential.parse(JSON.parse(granted.body));
  await tenants.waitFor(meta.tenant_id, OWN_VIEW_MS, (tenant) => {
    const known = credentialOf(tenant, name);
    return known !== undefined && iso(known.updated_at) >= answer.updated_at;
  });
  return answer;
}

/** Deletes a credential; when this returns, no step gets it. @throws ApiProblem 403, 404, 503 */
export async function deleteCredential(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
  name: string,
  head: RequestHead,
): Promise<void> {
  requireTenant(caller, tenantId);
  requireKnownTenant(context, caller, tenantId);
  const meta = commandMeta(context.deps, tenantId);
  await context.replies.ask(
    {
      type: "DeleteCredential",
      meta,
      name,
      reply_to: context.replies.replyTo,
      by: requester(caller, head.requestId),
    },
    head.trace,
  );
  await context.tenants.waitFor(
    meta.tenant_id,
    OWN_VIEW_MS,
    (tenant) => credentialOf(tenant, name) === undefined,
  );
}

function listed({
  name,
  provider,
  credential_type,
  created_at,
  updated_at,
}: CredentialState): ListedCredential {
  return { name, provider, credential_type, created_at: iso(created_at), updated_at: iso(updated_at) };
}
