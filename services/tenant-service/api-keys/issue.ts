import type { KeyState } from "@convergence/contracts";
import { hashApiKey, newApiKey } from "@convergence/keys";
import type { Tenant } from "@convergence/tenant";
import type { TenantServiceDeps } from "../deps.ts";

/** Binds a key's ciphertext to its place. */
export function keyAad(tenantId: string, keyId: string): string {
  return `${tenantId}|${keyId}|api-key`;
}

/** Makes a key. In the clear it exists only within this call. */
export async function issueKey(
  { keys, random }: TenantServiceDeps,
  tenant: Tenant,
  key: KeyState,
): Promise<{ hash: Buffer; encrypted: Buffer }> {
  const text = newApiKey(tenant.tenant_name, random);
  const encrypted = await keys.encrypt(Buffer.from(text, "utf8"), keyAad(tenant.tenant_id, key.key_id));
  return { hash: Buffer.from(hashApiKey(text)), encrypted: Buffer.from(encrypted) };
}
