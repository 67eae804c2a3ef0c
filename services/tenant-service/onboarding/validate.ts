import { encode, traced, traceFields } from "@convergence/contracts";
import type { Tenant } from "@convergence/tenant";
import type { TenantServiceDeps } from "../deps.ts";
import type { RunOutcome, RunWatch } from "../run-watch.ts";

/** The validation pipeline: configs/gcp/example/dryrun.yml. */
const DRYRUN = { provider: "gcp", domain: "example", template: "dryrun" } as const;

/** Where the validation run's outcome will come after, in run.events. */
export async function validationPosition(
  { bus }: TenantServiceDeps,
  tenantId: string,
): Promise<{ log_partition: number; log_offset: number }> {
  const log_partition = bus.partitionOf("run.events", tenantId);
  const ends = await bus.ends("run.events");
  return { log_partition, log_offset: ends.get(log_partition)?.end ?? 0 };
}

/**
 * Asks for the validation run and waits for its end. Asking again is harmless: the command bears an idempotency
 * key of its own.
 */
export async function validate(deps: TenantServiceDeps, runs: RunWatch, tenant: Tenant): Promise<RunOutcome> {
  const { onboarding, tenant_id } = tenant;
  if (onboarding === null) throw new RangeError("validation without an onboarding");
  const { run_id, log_partition, log_offset, trace } = onboarding;
  deps.log.debug({ tenant_id, run_id, ...traceFields(trace) }, "a validation run is asked for");
  const value = encode({
    type: "SubmitRun",
    resume: null,
    tenant_version: 0,
    meta: {
      command_id: deps.random.uuid(),
      tenant_id,
      at: deps.clock.now(),
      sent_by: deps.instance,
    },
    run_id,
    ...DRYRUN,
    parameters: "{}",
    trigger_by: "onboarding",
    trigger_type: "onboarding",
    idempotency: { key: `onboarding|${run_id}`, body_hash: run_id },
  });
  const [outcome] = await Promise.all([
    runs.finished(run_id, log_partition, log_offset),
    deps.bus.append([{ topic: "run.commands", key: tenant_id, value, ...traced(trace) }]),
  ]);
  return outcome;
}
