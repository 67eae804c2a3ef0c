import { encode, type KeyState } from "@convergence/contracts";
import { iso } from "@convergence/runtime/iso.ts";
import type { Tenant } from "@convergence/tenant";
import type { MergeJob } from "@convergence/warehouse/port.ts";
import type { TenantServiceDeps } from "../deps.ts";
import { mergeTenantRow } from "../tenant-row.ts";

const COLUMNS: MergeJob["columns"] = [
  { name: "api_key_id", type: "STRING" },
  { name: "tenant_id", type: "STRING" },
  { name: "api_key_hash", type: "BYTES" },
  { name: "encrypted_api_key", type: "BYTES" },
  { name: "created_at", type: "TIMESTAMP" },
  { name: "expires_at", type: "TIMESTAMP" },
  { name: "is_active", type: "BOOL" },
  { name: "revoked_at", type: "TIMESTAMP" },
  { name: "scopes", type: "ARRAY<STRING>" },
];
const REQUIRED = ["api_key_id", "tenant_id", "api_key_hash", "encrypted_api_key", "created_at", "is_active"];

/** Puts an issued key into the tenant's api_keys table and tells the gateways: from then on it is in force. */
export async function activateKey(deps: TenantServiceDeps, tenant: Tenant, key: KeyState): Promise<void> {
  const { hash, encrypted } = key;
  if (hash === null || encrypted === null) throw new RangeError(`key ${key.key_id} is not issued`);
  // A row that is there already stays: it may be marked as revoked by now.
  await mergeKey(deps, tenant, key, { purpose: "activate", version: "created_at" }, { is_active: true });
  await announce(deps, tenant, key, hash);
}

/** Tells the gateways that a key in force ends sooner than it was to, then the table. */
export async function announceEnd(deps: TenantServiceDeps, tenant: Tenant, key: KeyState): Promise<void> {
  const { hash, expires_at } = key;
  if (hash === null) throw new RangeError(`key ${key.key_id} is not issued`);
  await announce(deps, tenant, key, hash);
  // An end of its own that was in the table before stays there: the key is marked as revoked when the sooner one is come.
  await mergeKey(
    deps,
    tenant,
    key,
    { purpose: "end", version: "expires_at" },
    { expires_at: iso(expires_at) },
  );
}

async function announce(
  { bus }: TenantServiceDeps,
  { tenant_id, tenant_name }: Tenant,
  { key_id, scopes, created_at, expires_at }: KeyState,
  hash: Buffer,
): Promise<void> {
  const record = { key_id, tenant_id, tenant_name, hash, scopes, created_at, expires_at };
  await bus.append([{ topic: "api-keys", key: key_id, value: encode({ type: "ApiKeyRecord", ...record }) }]);
}

/**
 * Tells the gateways that a key is revoked, then marks it in the table. The order matters: the gateways refuse it
 * even while the warehouse is away.
 */
export async function announceRevocation(
  deps: TenantServiceDeps,
  tenant: Tenant,
  key: KeyState,
): Promise<void> {
  const { key_id, revoked_at } = key;
  const { tenant_id } = tenant;
  const value = encode({ type: "ApiKeyRevoked", key_id, tenant_id, revoked_at: revoked_at ?? 0 });
  await deps.bus.append([{ topic: "api-keys", key: `${key_id}/revoked`, value }]);
  await mergeKey(
    deps,
    tenant,
    key,
    { purpose: "revoke", version: "revoked_at" },
    { is_active: false, revoked_at: iso(revoked_at) },
  );
}

async function mergeKey(
  deps: TenantServiceDeps,
  tenant: Tenant,
  key: KeyState,
  { purpose, version }: { purpose: "activate" | "end" | "revoke"; version: string },
  values: MergeJob["rows"][number],
): Promise<void> {
  await mergeTenantRow(deps, tenant, {
    table: "api_keys",
    key: "api_key_id",
    columns: COLUMNS,
    required: REQUIRED,
    version,
    row: {
      api_key_id: key.key_id,
      tenant_id: tenant.tenant_name,
      api_key_hash: base64(key.hash),
      encrypted_api_key: base64(key.encrypted),
      created_at: iso(key.created_at),
      expires_at: iso(key.expires_at),
      scopes: key.scopes,
      ...values,
    },
    name: `key_${key.key_id}`,
    purpose,
    isNew: purpose === "activate",
  });
}

function base64(bytes: Buffer | null): string | undefined {
  return bytes?.toString("base64");
}
