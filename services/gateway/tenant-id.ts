import { invalidField } from "./problem.ts";

/** What a tenant id is made of. JavaScript's `$` without the m flag lets no newline through. */
export const TENANT_ID = /^[A-Za-z0-9_]{3,50}$/;

const RESERVED = ["information_schema", "main", "pg_catalog", "temp", "system"];
const RESERVED_PREFIX = "convergence";

/**
 * Checks a new tenant's id, which names a dataset too.
 * @throws ApiProblem 422 when it is malformed, or reserved in any case of letters.
 */
export function requireNewTenantId(tenantId: string, platformDataset: string): void {
  if (!TENANT_ID.test(tenantId)) {
    throw invalidField("tenant_id", "3 to 50 letters, digits and underscores");
  }
  const lower = tenantId.toLowerCase();
  if (lower.startsWith(RESERVED_PREFIX)) {
    throw invalidField(
      "tenant_id",
      `names that start with "${RESERVED_PREFIX}" are reserved: choose another`,
    );
  }
  if (RESERVED.includes(lower) || lower === platformDataset.toLowerCase()) {
    throw invalidField("tenant_id", `"${lower}" is reserved: choose another`);
  }
}
