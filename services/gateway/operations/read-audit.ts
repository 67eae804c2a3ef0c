import { type AdminCaller, requireTenant, starting, type TenantCaller } from "../access.ts";
import { invalidField } from "../problem.ts";
import type { AuditEntry } from "../views/audit/entry.ts";
import type { Context } from "./context.ts";
import { requireKnownTenant } from "./customers.ts";
import { CATCH_UP_MS } from "./read-runs.ts";

/** An entry as it is listed; `at` is ISO 8601 in UTC. */
export interface ListedEntry extends AuditEntry {
  at: string;
}

/**
 * What was done to a tenant and its keys, newest first; what was answered before is in it.
 * @throws ApiProblem 403, 404; 422 for a cursor that no page gave; 503 while the log is read
 */
export async function readAudit(
  context: Context,
  caller: AdminCaller | TenantCaller,
  tenantId: string,
  page: { limit: number; cursor: string | null },
): Promise<{ tenant_id: string; entries: ListedEntry[]; next_cursor: string | null }> {
  requireTenant(caller, tenantId);
  const tenant = requireKnownTenant(context, caller, tenantId);
  const { audit } = context;
  if (audit.follower.state === "starting") throw starting();
  const before = page.cursor === null ? Number.MAX_SAFE_INTEGER : readCursor(page.cursor);
  await audit.follower.caughtUp(CATCH_UP_MS);
  const found = audit.list(tenantId.toLowerCase(), page.limit + 1, before);
  const shown = found.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    tenant_id: tenant.name,
    entries: shown.map(({ version: _, at, ...entry }) => ({ at: new Date(at).toISOString(), ...entry })),
    next_cursor: found.length > page.limit && last !== undefined ? String(last.version) : null,
  };
}

function readCursor(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) {
    throw invalidField("cursor", "not a cursor of this list: send next_cursor as it was given, or none");
  }
  return Number(cursor);
}
