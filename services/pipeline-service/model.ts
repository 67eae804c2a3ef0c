import {
  decodeAs,
  encode,
  RUN_COMMANDS_TYPES,
  RUN_EVENTS_TYPES,
  type RunCommandsMessage,
  STEP_RESULTS_TYPES,
  type StepResultsMessage,
  type SubmitRun,
  UnreadableRecord,
} from "@convergence/contracts";
import {
  decideCancelBackfill,
  decideCancelOpenRuns,
  decideCancelRun,
  decideClaimed,
  decideDeleteSchedule,
  decidePutSchedule,
  decideReported,
  decideStartBackfill,
  evolve,
  noRuns,
  type RunEvent,
  type RunFact,
  restoreRuns,
  storeRuns,
  type TenantRuns,
} from "@convergence/run";
import type { Model, Turn } from "@convergence/writer";
import { Admitting } from "./admission/admit.ts";
import type { KnownTenant, Tenants } from "./admission/tenants.ts";
import type { PipelineServiceDeps } from "./deps.ts";

/** What the run log's owner takes in. */
export type RunInput = RunCommandsMessage | StepResultsMessage;

export type RunModel = Model<TenantRuns, RunEvent, RunFact, RunInput>;

/** A tenant's runs as a log: what its decisions are, and how its records read. */
export function runModel(
  tenants: Tenants,
  { catalogue, project }: Pick<PipelineServiceDeps, "catalogue" | "project">,
): RunModel {
  const admitting = new Admitting(tenants, { catalogue, project });
  return {
    group: "pipeline-service",
    inputs: ["run.commands", "step.results"],
    log: "run.events",
    snapshots: "run.snapshots",
    initial: noRuns,
    readEvent: (bytes) => decodeAs(bytes, RUN_EVENTS_TYPES),
    readInput: (record) =>
      decodeAs(record.value, record.topic === "run.commands" ? RUN_COMMANDS_TYPES : STEP_RESULTS_TYPES),
    tenantOf: (input) => ("meta" in input ? input.meta.tenant_id : input.tenant_id),
    commandOf: (input) => ("meta" in input ? input.meta.command_id : null),
    outcomeOf: (event) => ("command_id" in event ? event.command_id : null),
    decide(state, input, turn) {
      switch (input.type) {
        case "SubmitRun":
          if (mustWait(tenants.find(turn.tenantId), input, turn)) return "wait";
          return admitting.submit(state, input, turn);
        case "PutSchedule":
          if (mustWait(tenants.find(turn.tenantId), PLANNED, turn)) return "wait";
          return decidePutSchedule(state, input, turn.now, () => admitting.refusalOf(input));
        case "DeleteSchedule":
          return decideDeleteSchedule(state, input);
        case "StartBackfill":
          if (mustWait(tenants.find(turn.tenantId), PLANNED, turn)) return "wait";
          return decideStartBackfill(state, input, () => admitting.refusalOf(input));
        case "CancelBackfill":
          return decideCancelBackfill(state, input);
        case "CancelRun":
          return decideCancelRun(state, input, turn.now);
        case "CancelOpenRuns":
          return decideCancelOpenRuns(state, input, turn.now);
        case "StepClaimed":
          return decideClaimed(state, input, turn.now);
        case "StepReported":
          return decideReported(state, input, turn.now);
        case "LeaseRenewed":
          return [];
      }
    },
    evolve,
    stamp: (fact, meta) => ({ ...fact, meta }),
    encode,
    toSnapshot: (tenantId, { state, version, inputs, commands }) =>
      encode({
        type: "TenantRunsSnapshot",
        tenant_id: tenantId,
        version,
        inputs: Object.entries(inputs).map(([topic, offset]) => ({ topic, offset })),
        recent_commands: [...commands],
        ...storeRuns(state),
      }),
    fromSnapshot(message) {
      if (message.type !== "TenantRunsSnapshot")
        throw new UnreadableRecord(`a ${message.type} in run.snapshots`);
      const inputs = Object.fromEntries(message.inputs.map(({ topic, offset }) => [topic, offset]));
      const { tenant_id: tenantId, version, recent_commands: commands } = message;
      return { tenantId, stream: { state: restoreRuns(message), version, inputs, commands } };
    },
  };
}

/** An order for runs to come, of a tenant as this instance knows it. */
const PLANNED = { trigger_type: "scheduler", tenant_version: 0 } as const;

/**
 * A tenant that is not known yet, not yet as active, or not yet as the sender knew it, may be once the `tenants` topic
 * has caught up.
 */
function mustWait(
  tenant: KnownTenant | undefined,
  command: Pick<SubmitRun, "trigger_type" | "tenant_version">,
  turn: Turn,
): boolean {
  if (turn.waited) return false;
  if (tenant === undefined || tenant.version < command.tenant_version) return true;
  return tenant.lifecycle !== "ACTIVE" && command.trigger_type !== "onboarding";
}
