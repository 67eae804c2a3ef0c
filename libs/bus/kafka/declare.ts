import type { Admin, KafkaConfig } from "kafkajs";
import { errorType, KafkaBusError } from "./errors.ts";
import kafkajs from "./kafkajs.ts";
import type { KafkaBusOptions } from "./options.ts";
import type { Topic } from "./topics.ts";

/** From this many replicas on, an append waits until two of them have it, so that one may be lost. */
const SAFE_REPLICAS = 3;

/** A record's time is its append time by the broker's clock, which retention goes by too. */
const AT_CREATION = { "message.timestamp.type": "LogAppendTime" };

/**
 * Makes the topics that the brokers lack, unless told to take `existing` ones alone, and checks those that they have.
 * Several may do so at once.
 * @throws KafkaBusError where a topic is kept otherwise than declared; kafkajs' errors where the brokers are away.
 */
export async function declareTopics(
  config: KafkaConfig,
  topics: readonly Topic[],
  { replicationFactor, existing = false }: Pick<KafkaBusOptions, "replicationFactor" | "existing">,
): Promise<void> {
  const admin = new kafkajs.Kafka(config).admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const missing = topics.filter(({ stored }) => !there.has(stored));
    if (missing.length > 0 && existing) throw notThere(missing);
    if (missing.length > 0) await create(admin, missing, replicationFactor);
    await check(admin, topics);
  } catch (error) {
    throw asRefusal(error) ?? error;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

async function create(admin: Admin, topics: readonly Topic[], replicationFactor?: number): Promise<void> {
  const durable = replicationFactor !== undefined && replicationFactor >= SAFE_REPLICAS;
  const more = durable ? { "min.insync.replicas": "2" } : {};
  // Where another starter was faster, kafkajs says so by its answer (false). Leaders are waited for by who asks next:
  // kafkajs' own wait throws UNKNOWN_TOPIC_OR_PARTITION at times.
  await admin.createTopics({
    waitForLeaders: false,
    topics: topics.map((topic) => ({
      topic: topic.stored,
      numPartitions: topic.spec.partitions,
      replicationFactor,
      configEntries: Object.entries({ ...wanted(topic), ...AT_CREATION, ...more }).map(([name, value]) => ({
        name,
        value,
      })),
    })),
  });
}

/** How a topic is to be kept, as Kafka's topic configuration. */
function wanted({ spec }: Topic): Record<string, string> {
  if (spec.cleanup === "compact") return { "cleanup.policy": "compact" };
  return { "cleanup.policy": "delete", "retention.ms": String(spec.retentionMs ?? -1) };
}

async function check(admin: Admin, topics: readonly Topic[]): Promise<void> {
  const metadata = await admin.fetchTopicMetadata({ topics: topics.map(({ stored }) => stored) });
  const counts = new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]));
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((topic) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topic.stored,
      configNames: Object.keys(wanted(topic)),
    })),
  });
  const configs = new Map(resources.map((resource) => [resource.resourceName, resource.configEntries]));
  for (const topic of topics) {
    checkPartitions(topic, counts.get(topic.stored));
    const entries = configs.get(topic.stored) ?? [];
    for (const [name, value] of Object.entries(wanted(topic))) {
      const had = entries.find(({ configName }) => configName === name)?.configValue;
      if (had !== value) throw otherwise(topic, name, had ?? "unknown", value);
    }
  }
}

function notThere(missing: readonly Topic[]): KafkaBusError {
  const names = missing.map(({ stored }) => stored).join(", ");
  return new KafkaBusError(
    `the brokers do not have these topics: ${names}`,
    "Services make them at their start: check the brokers' address and the topic prefix, or start a service first.",
  );
}

function checkPartitions({ stored, spec }: Topic, had: number | undefined): void {
  if (had === spec.partitions) return;
  throw new KafkaBusError(
    `topic "${stored}" has ${had ?? "no"} partitions on the brokers and is declared with ${spec.partitions}`,
    `A key's partition would change under stored records: declare ${had ?? "another number"}, or choose another topic prefix for a fresh start.`,
  );
}

function otherwise({ stored }: Topic, name: string, had: string, value: string): KafkaBusError {
  return new KafkaBusError(
    `topic "${stored}" has ${name}=${had} on the brokers and is declared with ${name}=${value}`,
    `Change it: kafka-configs.sh --bootstrap-server BROKER --alter --entity-type topics --entity-name ${stored} --add-config ${name}=${value}; or declare it as it is.`,
  );
}

/** What no later try will mend: the brokers know who asks, and refuse. */
function asRefusal(error: unknown): KafkaBusError | undefined {
  const type = errorType(error);
  const refused = type?.endsWith("AUTHORIZATION_FAILED") || type === "SASL_AUTHENTICATION_FAILED";
  if (!refused && !(error instanceof kafkajs.KafkaJSSASLAuthenticationError)) return undefined;
  return new KafkaBusError(
    `the Kafka brokers refuse this client: ${type ?? "its credentials are wrong"}`,
    "Check the SASL user, its password and its permissions on topics and groups.",
    error,
  );
}
