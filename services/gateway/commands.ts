import { type Bus, BusUnavailable } from "@convergence/bus";
import {
  type CommandMeta,
  encode,
  type Idempotency,
  type Requester,
  RUN_COMMANDS_TYPES,
  type RunCommandsMessage,
  type TenantCommandsMessage,
  type Trace,
  traced,
} from "@convergence/contracts";
import type { AdminCaller, LocalCaller, TenantCaller } from "./access.ts";
import type { GatewayDeps } from "./deps.ts";
import { canonicalHash } from "./json.ts";
import { ApiProblem, unavailable } from "./problem.ts";

/** An Idempotency-Key: visible ASCII. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** The head of a new command. `tenantId` in any case of letters. */
export function commandMeta(deps: GatewayDeps, tenantId: string): CommandMeta {
  return {
    command_id: deps.random.uuid(),
    tenant_id: tenantId.toLowerCase(),
    at: deps.clock.now(),
    sent_by: deps.instance,
  };
}

/** Who asks, as it is kept in the log of what was done. */
export function requester(
  caller: AdminCaller | LocalCaller | TenantCaller,
  requestId: string | null,
): Requester {
  return { actor: caller.kind === "tenant" ? `key:${caller.keyId}` : caller.kind, request_id: requestId };
}

/**
 * What an Idempotency-Key stands for: this route with this body.
 * @throws ApiProblem 400 for a malformed key.
 */
export function idempotency(key: string | null, route: string, body: unknown): Idempotency | null {
  if (key === null) return null;
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new ApiProblem(
      400,
      "invalid-idempotency-key",
      "Idempotency-Key is 1 to 255 visible ASCII characters: send such a one, a UUID for example.",
    );
  }
  return { key: `${route}|${key}`, body_hash: canonicalHash(body) };
}

/** The most that a command may have, in bytes: a record on the bus, with room for its origin among the dead letters. */
const MAX_COMMAND_BYTES = 950_000;

/**
 * Appends a command that a request of this trace led to.
 * @throws ApiProblem 413 for one that is too large; 503 when the bus is away; it may have been appended nevertheless.
 */
export async function send(
  bus: Bus,
  command: RunCommandsMessage | TenantCommandsMessage,
  trace: Trace | null,
): Promise<void> {
  const isOfRun = RUN_COMMANDS_TYPES.some((type) => type === command.type);
  const topic = isOfRun ? "run.commands" : "tenant.commands";
  const value = encode(command);
  if (value.length > MAX_COMMAND_BYTES) {
    const detail = `The body's variables come to ${value.length} bytes, more than ${MAX_COMMAND_BYTES}: send less.`;
    throw new ApiProblem(413, "body-too-large", detail);
  }
  try {
    await bus.append([{ topic, key: command.meta.tenant_id, value, ...traced(trace) }]);
  } catch (error) {
    if (!(error instanceof BusUnavailable)) throw error;
    throw logUnavailable();
  }
}

/** 503: nothing that changes state can be done. */
export function logUnavailable(): ApiProblem {
  return unavailable(
    "log-unavailable",
    "The log cannot be reached, so nothing can be changed: repeat later, with the same Idempotency-Key if there was one.",
  );
}
