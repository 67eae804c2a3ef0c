import type { TenantCommandsMessage } from "@convergence/contracts";
import type { TenantFact } from "./state.ts";

/** A command's refusal, as its client will read it. `reason` is a stable slug. */
export function rejected(
  command: TenantCommandsMessage,
  status: number,
  reason: string,
  detail: string,
): TenantFact {
  return {
    type: "TenantCommandRejected",
    command_id: command.meta.command_id,
    status,
    reason,
    detail,
    gateway: command.meta.sent_by,
    by: command.type === "ConfirmKeyDelivered" ? null : command.by,
    command: command.type,
  };
}

/** The refusal of an Idempotency-Key that stands for something else. */
export function keyReused(command: TenantCommandsMessage): TenantFact {
  const detail = "This Idempotency-Key was used with another body in the last 24 hours: send a new key.";
  return rejected(command, 422, "idempotency-key-reused", detail);
}
