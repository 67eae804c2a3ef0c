import type { Running } from "@convergence/bus/port.ts";
import { writeLog } from "@convergence/writer";
import { Tenants } from "./admission/tenants.ts";
import type { PipelineServiceDeps } from "./deps.ts";
import { runModel } from "./model.ts";
import { Scheduling } from "./scheduling/acting.ts";

export type { PipelineServiceDeps } from "./deps.ts";

/** Repeats its claims so often, in milliseconds: well within run.events' retention. */
const CLAIM_MS = 24 * 3_600_000;

/** A running pipeline-service. */
export interface PipelineService extends Running {
  /** Whether a runner is there to give steps to. */
  hasRunners(): boolean;
}

/** Starts pipeline-service: the one writer of runs. */
export async function startPipelineService(deps: PipelineServiceDeps): Promise<PipelineService> {
  const tenants = new Tenants((tenantId) => scheduling.tenantChanged(tenantId));
  const scheduling = new Scheduling(deps, tenants);
  await tenants.start(deps.bus);
  await scheduling.start();
  const writer = await writeLog(runModel(tenants, deps), scheduling, { ...deps, claimMs: CLAIM_MS });
  return {
    failed: writer.failed,
    hasRunners: () => scheduling.dispatcher.hasRunners,
    async stop() {
      await writer.stop();
      await scheduling.stop();
      await tenants.stop();
    },
  };
}
