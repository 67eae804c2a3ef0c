import { type CredentialState, encode } from "@convergence/contracts";
import { KeyEncryptionError } from "@convergence/keys";
import { credentialAad, sealedCredentialAad } from "@convergence/keys/credential.ts";
import { iso } from "@convergence/runtime/iso.ts";
import type { Tenant, TenantFact } from "@convergence/tenant";
import type { MergeJob } from "@convergence/warehouse/port.ts";
import type { TenantServiceDeps } from "../deps.ts";
import { mergeTenantRow } from "../tenant-row.ts";
import type { SealingKeys } from "./sealing-keys.ts";

const NOT_ENCRYPTED =
  "The credential could not be encrypted, so nothing was stored: repeat later; if it stays so, the platform's operators must mend it.";

/**
 * Encrypts a sealed secret and puts the ciphertext where the runners find it. In the clear it exists only within this
 * call. Where it cannot be encrypted nothing changes, and whoever waits is told.
 */
export async function storeCredential(
  deps: TenantServiceDeps,
  sealingKeys: SealingKeys,
  { tenant_id }: Tenant,
  { credential_id, name, sealed, sealing_key_id, request }: CredentialState,
): Promise<TenantFact> {
  try {
    if (sealed === null || request === null) throw new RangeError(`credential ${credential_id} is stored`);
    const aad = sealedCredentialAad(tenant_id, name, request.command_id);
    const secret = await sealingKeys.open(sealing_key_id, sealed, aad);
    const encrypted = Buffer.from(await deps.keys.encrypt(secret, credentialAad(tenant_id, credential_id)));
    secret.fill(0);
    const value = encode({ type: "CredentialRecord", credential_id, tenant_id, encrypted });
    await deps.bus.append([{ topic: "credentials", key: credential_id, value }]);
    return { type: "CredentialStored", credential_id, name, encrypted };
  } catch (error) {
    if (!(error instanceof KeyEncryptionError)) throw error;
    deps.log.error({ tenant_id, credential_id, error: error.message }, "a credential cannot be encrypted");
    const failed = { status: 503, reason: "credential-not-encrypted", detail: NOT_ENCRYPTED };
    return { type: "CredentialFailed", credential_id, name, ...failed };
  }
}

/** Puts a credential in force into the tenant's table. */
export async function recordCredential(
  deps: TenantServiceDeps,
  tenant: Tenant,
  credential: CredentialState,
): Promise<TenantFact> {
  const { credential_id, encrypted } = credential;
  await mergeRow(deps, tenant, credential, "record", {
    encrypted_value: encrypted?.toString("base64"),
    updated_at: iso(credential.updated_at),
    is_active: true,
  });
  return { type: "CredentialRecorded", credential_id };
}

/** Removes the ciphertext of one that was replaced or deleted: from the topic, then from the table. */
export async function forgetCredential(
  deps: TenantServiceDeps,
  tenant: Tenant,
  credential: CredentialState,
): Promise<TenantFact> {
  const { credential_id } = credential;
  await deps.bus.append([{ topic: "credentials", key: credential_id, value: null }]);
  await mergeRow(deps, tenant, credential, "forget", {
    encrypted_value: "",
    // Later than the row that it marks.
    updated_at: iso(Math.max(credential.updated_at + 1, deps.clock.now())),
    is_active: false,
  });
  return { type: "CredentialForgotten", credential_id };
}

const COLUMNS: MergeJob["columns"] = [
  { name: "credential_id", type: "STRING" },
  { name: "name", type: "STRING" },
  { name: "provider", type: "STRING" },
  { name: "credential_type", type: "STRING" },
  { name: "encrypted_value", type: "BYTES" },
  { name: "created_at", type: "TIMESTAMP" },
  { name: "updated_at", type: "TIMESTAMP" },
  { name: "is_active", type: "BOOL" },
];

async function mergeRow(
  deps: TenantServiceDeps,
  tenant: Tenant,
  { credential_id, name, provider, credential_type, created_at }: CredentialState,
  purpose: "record" | "forget",
  values: MergeJob["rows"][number],
): Promise<void> {
  await mergeTenantRow(deps, tenant, {
    table: "cloud_credentials",
    key: "credential_id",
    columns: COLUMNS,
    required: COLUMNS.map((column) => column.name),
    version: "updated_at",
    row: { credential_id, name, provider, credential_type, created_at: iso(created_at), ...values },
    name: `credential_${credential_id}`,
    purpose,
    isNew: purpose === "record",
  });
}
