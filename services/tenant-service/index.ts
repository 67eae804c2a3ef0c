import type { Running } from "@convergence/bus/port.ts";
import { writeLog } from "@convergence/writer";
import { Acting } from "./acting.ts";
import type { TenantServiceDeps } from "./deps.ts";
import { tenantModel } from "./model.ts";
import { RunWatch } from "./run-watch.ts";

export type { TenantServiceDeps } from "./deps.ts";

/** Repeats its claims so often, in milliseconds. */
const CLAIM_MS = 24 * 3_600_000;

/** Starts tenant-service: the one writer of tenants and their keys. */
export async function startTenantService(deps: TenantServiceDeps): Promise<Running> {
  const runs = new RunWatch(deps.bus, deps.clock);
  await runs.start();
  const acting = new Acting(deps, runs);
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
    },
  };
}
