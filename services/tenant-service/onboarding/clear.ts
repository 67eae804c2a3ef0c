import { encode, traced } from "@convergence/contracts";
import { METADATA_TABLES, type Tenant } from "@convergence/tenant";
import type { Warehouse } from "@convergence/warehouse/port.ts";
import { runOnce } from "@convergence/warehouse/run-once.ts";
import type { TenantServiceDeps } from "../deps.ts";
import type { RunWatch } from "../run-watch.ts";
import { requireOurs } from "./provision.ts";

/**
 * Ends the tenant's open runs, then deletes what the force flags name: by jobs that bear the onboarding's name, so
 * that an owner which was overtaken cannot delete what its successor made anew.
 */
export async function clear(
  deps: TenantServiceDeps,
  runs: RunWatch,
  tenant: Tenant,
  what: { dataset: boolean; tables: boolean },
): Promise<void> {
  const { warehouse } = deps;
  const { tenant_name: dataset } = tenant;
  await requireOurs(warehouse, tenant);
  await cancelOpenRuns(deps, runs, tenant);
  const name = `clear_${tenant.onboarding?.key_id ?? ""}`;
  if (what.dataset) {
    await drop(warehouse, tenant, `${name}_dataset`, { dataset });
  } else if (what.tables && (await warehouse.getDataset(dataset)) !== null) {
    await Promise.all(
      METADATA_TABLES.map((table) => drop(warehouse, tenant, `${name}_${table}`, { dataset, table })),
    );
  }
}

async function drop(
  warehouse: Warehouse,
  { tenant_id }: Tenant,
  name: string,
  what: { dataset: string; table?: string },
): Promise<void> {
  await runOnce(warehouse, name, (jobId) =>
    warehouse.submitDrop({ jobId, what, labels: { tenant: tenant_id } }),
  );
}

/**
 * The command bears the onboarding's name, so that one that is sent again, or late, ends no run that came after the
 * first: pipeline-service decides a command once.
 */
async function cancelOpenRuns(
  deps: TenantServiceDeps,
  runs: RunWatch,
  { tenant_id, onboarding }: Tenant,
): Promise<void> {
  if (onboarding === null) throw new RangeError("clearing without an onboarding");
  const { bus, clock, instance } = deps;
  const command_id = onboarding.key_id;
  const value = encode({
    type: "CancelOpenRuns",
    meta: { command_id, tenant_id, at: clock.now(), sent_by: instance },
    reason: "the tenant's dataset is being recreated",
  });
  await Promise.all([
    runs.cancelled(command_id, onboarding.started_at),
    bus.append([{ topic: "run.commands", key: tenant_id, value, ...traced(onboarding.trace) }]),
  ]);
}
