import type { Running } from "@convergence/bus/port.ts";
import { writeLog } from "@convergence/writer";
import { Acting } from "./acting.ts";
import { SealingKeys } from "./credentials/sealing-keys.ts";
import type { TenantServiceDeps } from "./deps.ts";
import { tenantModel } from "./model.ts";
import { RunWatch } from "./run-watch.ts";

export type { TenantServiceDeps } from "./deps.ts";

/** Repeats its claims so often, in milliseconds. */
const CLAIM_MS = 24 * 3_600_000;

/** Starts tenant-service: the one writer of tenants, their keys and credentials. */
export async function startTenantService(deps: TenantServiceDeps): Promise<Running> {
  const runs = new RunWatch(deps.bus, deps.clock);
  const sealingKeys = new SealingKeys(deps);
  await Promise.all([runs.start(), sealingKeys.start()]);
  const acting = new Acting(deps, runs, sealingKeys);
  const writer = await writeLog(tenantModel(deps.random, deps.defaultTier), acting, {
    ...deps,
    // A tenant's record is what the other services know of it: written at once.
    snapshotMs: 0,
    claimMs: CLAIM_MS,
  });
  return {
    failed: writer.failed,
    async stop() {
      await writer.stop();
      await runs.stop();
      await sealingKeys.stop();
    },
  };
}
