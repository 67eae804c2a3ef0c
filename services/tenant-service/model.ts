import {
  decodeAs,
  encode,
  TENANT_COMMANDS_TYPES,
  TENANT_EVENTS_TYPES,
  type TenantCommandsMessage,
  type TenantSnapshot,
  UnreadableRecord,
} from "@convergence/contracts";
import { newKeyId } from "@convergence/keys";
import type { Random } from "@convergence/runtime/random.ts";
import {
  decideDeleteCredential,
  decideDelivered,
  decideIssueKey,
  decideOnboard,
  decideRevokeKey,
  decideRotateKey,
  decideSetCredential,
  decideUpdate,
  evolve,
  NEW_TENANT,
  type NewNames,
  type TenantEvent,
  type TenantFact,
  type TenantState,
} from "@convergence/tenant";
import type { Model, Stream } from "@convergence/writer";

export type TenantModel = Model<TenantState, TenantEvent, TenantFact, TenantCommandsMessage>;

/** A tenant's log: what its decisions are, and how its records read. */
export function tenantModel(random: Random, defaultTier: string): TenantModel {
  return {
    group: "tenant-service",
    inputs: ["tenant.commands"],
    log: "tenant.events",
    snapshots: "tenants",
    initial: null,
    readEvent: (bytes) => decodeAs(bytes, TENANT_EVENTS_TYPES),
    readInput: (record) => decodeAs(record.value, TENANT_COMMANDS_TYPES),
    tenantOf: (command) => command.meta.tenant_id,
    commandOf: (command) => command.meta.command_id,
    outcomeOf: (event) => ("command_id" in event ? event.command_id : null),
    decide: (tenant, command, { trace }) => decide(tenant, command, random, { tier: defaultTier, trace }),
    evolve,
    stamp: (fact, meta) => ({ ...fact, meta }),
    encode,
    toSnapshot: (tenantId, stream) => encode(toSnapshot(tenantId, stream)),
    fromSnapshot(message) {
      if (message.type !== "TenantSnapshot") throw new UnreadableRecord(`a ${message.type} in tenants`);
      const { type: _, version, inputs, recent_commands: commands, ...tenant } = message;
      const offsets = Object.fromEntries(inputs.map(({ topic, offset }) => [topic, offset]));
      const state = tenant.tenant_name === "" ? null : tenant;
      return { tenantId: message.tenant_id, stream: { state, version, inputs: offsets, commands } };
    },
  };
}

function decide(
  tenant: TenantState,
  command: TenantCommandsMessage,
  random: Random,
  asked: Pick<NewNames, "tier" | "trace">,
): TenantFact[] {
  switch (command.type) {
    case "OnboardTenant":
      return decideOnboard(tenant, command, { keyId: newKeyId(random), runId: random.uuid(), ...asked });
    case "UpdateTenant":
      return decideUpdate(tenant, command);
    case "IssueApiKey":
      return decideIssueKey(tenant, command, newKeyId(random));
    case "RotateApiKey":
      return decideRotateKey(tenant, command, newKeyId(random));
    case "RevokeApiKey":
      return decideRevokeKey(tenant, command);
    case "ConfirmKeyDelivered":
      return decideDelivered(tenant, command);
    case "SetCredential":
      return decideSetCredential(tenant, command, random.uuid());
    case "DeleteCredential":
      return decideDeleteCredential(tenant, command);
  }
}

/** A tenant that only ever had commands refused has a version, but no name and no state. */
function toSnapshot(
  tenantId: string,
  { state: tenant, version, inputs, commands }: Stream<TenantState>,
): TenantSnapshot {
  return {
    type: "TenantSnapshot",
    ...(tenant ?? NEW_TENANT),
    tenant_id: tenantId,
    version,
    inputs: Object.entries(inputs).map(([topic, offset]) => ({ topic, offset })),
    recent_commands: [...commands],
  };
}
