import { StartError } from "@convergence/runtime/start-error.ts";
import { BusUnavailable } from "../port.ts";

/** The brokers cannot be used as asked (a topic is kept otherwise, credentials are refused): see `remedy`. */
export class KafkaBusError extends StartError {
  override readonly name = "KafkaBusError";
}

/**
 * kafkajs' names for failures that another try may not meet. Most of its errors say `retriable`, but the one that
 * wraps a retriable error after the last retry (KafkaJSNumberOfRetriesExceeded) says no.
 */
const PASSING = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
  "KafkaJSGroupCoordinatorNotFound",
  "KafkaJSLockTimeout",
  "KafkaJSTimeout",
  "KafkaJSNoBrokerAvailableError",
]);

/** Protocol errors that kafkajs does not take for retriable, though they are a broker's bad moment. */
const PASSING_TYPES = new Set(["UNKNOWN", "BROKER_NOT_AVAILABLE"]);

/** What kafkajs throws, as a plain Error, on a connection that never came to be (src/broker/index.js). */
const HALF_CONNECTED = "Broker not connected";

/** True where the brokers could not be reached or were not ready: the same may succeed later. */
export function isPassing(error: unknown): boolean {
  return chain(error).some(
    (one) =>
      one instanceof BusUnavailable ||
      PASSING.has(one.name) ||
      one.message === HALF_CONNECTED ||
      ("retriable" in one && one.retriable === true) ||
      ("type" in one && typeof one.type === "string" && PASSING_TYPES.has(one.type)),
  );
}

/** Kafka's name of a protocol error ("UNKNOWN_MEMBER_ID"), wherever kafkajs wrapped it; undefined for others. */
export function errorType(error: unknown): string | undefined {
  for (const one of chain(error)) if ("type" in one && typeof one.type === "string") return one.type;
  return undefined;
}

/** The error as an adapter's caller gets it: BusUnavailable for what may pass. */
export function asBusError(what: string, error: unknown): unknown {
  if (error instanceof BusUnavailable || !isPassing(error)) return error;
  return new BusUnavailable(`${what}: ${describe(error)}`, { cause: error });
}

/** One line; kafkajs puts no secrets in its messages. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error and what it was made of: its causes, and the several failures of one request. */
function chain(error: unknown): Error[] {
  if (!(error instanceof Error)) return [];
  const several: unknown[] = "errors" in error && Array.isArray(error.errors) ? error.errors : [];
  return [error, ...several.flatMap(chain), ...(error.cause === error ? [] : chain(error.cause))];
}
