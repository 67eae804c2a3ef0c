import type { Running } from "@convergence/bus/port.ts";
import { Claiming } from "./claim/claiming.ts";
import { Credentials } from "./credentials/credentials.ts";
import type { StepRunnerDeps } from "./deps.ts";
import { Projection } from "./projection/projection.ts";

export type { StepRunnerDeps } from "./deps.ts";

/** What is in flight at a stop has so long to end, in milliseconds; afterwards its lease hands it to another. */
const GRACE_MS = 5_000;

/** Starts a step-runner: executes tasks, and projects run and step state into the tenants' tables. */
export async function startStepRunner(deps: StepRunnerDeps): Promise<Running> {
  const projection = new Projection(deps);
  const credentials = new Credentials(deps);
  const claiming = new Claiming(deps, credentials);
  const projecting = await projection.start();
  await credentials.start();
  const working = await claiming.start();
  return {
    failed: Promise.race([projecting.failed, working.failed]),
    async stop() {
      await claiming.stop(GRACE_MS);
      await credentials.stop();
      await projection.stop();
    },
  };
}
