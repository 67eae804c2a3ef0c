import { BusUnavailable } from "@convergence/bus";
import { type KafkaBus, openKafkaBus } from "@convergence/bus/kafka/index.ts";
import { topicSpecs } from "@convergence/contracts";
import { type Config, type Logger, StartError, sleep, systemClock } from "@convergence/runtime";

/**
 * Opens the Kafka that the configuration names, with the platform's topics; `existing`: only where they are there.
 * @throws StartError where a variable is missing, the topics are kept otherwise, or the brokers refuse
 */
export function kafkaBus(
  config: Config,
  clientId: string,
  log: Logger,
  { existing = false } = {},
): Promise<KafkaBus> {
  return openKafkaBus({
    brokers: required(config.KAFKA_BROKERS, "KAFKA_BROKERS", "host:port of a broker").split(","),
    clientId,
    topics: topicSpecs(config.KAFKA_PARTITIONS),
    prefix: config.KAFKA_TOPIC_PREFIX,
    replicationFactor: config.KAFKA_REPLICATION_FACTOR,
    existing,
    tls: config.KAFKA_TLS === "on",
    sasl: sasl(config),
    clock: systemClock,
    log,
  });
}

const AGAIN_MS = 500;

/** Resolves once Kafka is there, with the platform's topics. What services do first would fail before, and end them. */
export async function kafkaIsThere(bus: Pick<KafkaBus, "ends">): Promise<void> {
  for (;;) {
    try {
      await bus.ends("runners");
      return;
    } catch (error) {
      if (!(error instanceof BusUnavailable)) throw error;
      await sleep(systemClock, AGAIN_MS);
    }
  }
}

function sasl(config: Config) {
  const { KAFKA_SASL_MECHANISM: mechanism } = config;
  if (mechanism === undefined) return undefined;
  const username = required(config.KAFKA_SASL_USERNAME, "KAFKA_SASL_USERNAME", "who logs in to Kafka");
  const password = required(
    config.KAFKA_SASL_PASSWORD,
    "KAFKA_SASL_PASSWORD",
    "the password to log in to Kafka",
  );
  return { mechanism, username, password };
}

/** @throws StartError that says what the variable must be set to */
export function required(value: string | undefined, variable: string, what: string): string {
  if (value !== undefined) return value;
  throw new StartError(`${variable} is not set`, `Set it to ${what}.`);
}
