import type { Cluster, KafkaConfig, logCreator } from "kafkajs";
import { errorType } from "./errors.ts";
import kafkajs from "./kafkajs.ts";
import type { KafkaBusOptions } from "./options.ts";

type Connection = Pick<KafkaBusOptions, "brokers" | "clientId" | "tls" | "sasl" | "log">;

const CONNECT_WITHIN_MS = 2_000;

/** What kafkajs is told of a connection. It tries nothing twice by itself: who asks knows how long to go on. */
export function kafkaConfig(options: Connection, name?: string, requestTimeout = 5_000): KafkaConfig {
  const { tls, sasl } = options;
  return {
    brokers: [...options.brokers],
    clientId: name === undefined ? options.clientId : `${options.clientId}-${name}`,
    ssl: typeof tls === "object" ? { ...tls } : (tls ?? false),
    sasl,
    connectionTimeout: CONNECT_WITHIN_MS,
    authenticationTimeout: requestTimeout,
    requestTimeout,
    retry: { retries: 0, initialRetryTime: 50, maxRetryTime: 500 },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: logTo(options.log),
  };
}

/** kafkajs reports each failed try as an error; who asks knows whether it is one. */
function logTo(log: Connection["log"]): logCreator {
  return () =>
    ({ namespace, log: { message } }) =>
      log.debug({ kafkajs: namespace }, message);
}

/**
 * The requests of kafkajs, without its consumer: it hands its cluster to partition assigners (a public hook). Its
 * consumer goes back to the committed offset of every partition at each rebalance, does not say when partitions are
 * about to go nor in which generation it is, and lets one slow topic hold up the others; so readers and members here
 * send their own requests. Each has a cluster, hence connections, of its own: a broker answers a connection's
 * requests one after another, and a join or a fetch may wait.
 */
export function openCluster(config: KafkaConfig): Cluster {
  const found: Cluster[] = [];
  new kafkajs.Kafka(config).consumer({
    groupId: "unused",
    allowAutoTopicCreation: false,
    // There are no transactions here: what is stored can be read.
    readUncommitted: true,
    retry: config.retry,
    partitionAssigners: [
      ({ cluster }) => {
        found.push(cluster);
        const protocol = () => ({ name: "unused", metadata: Buffer.alloc(0) });
        return { name: "unused", version: 0, assign: async () => [], protocol };
      },
    ],
  });
  const [cluster] = found;
  if (!cluster) throw new Error("kafkajs gave no cluster: it is not version 2.2.4");
  return cluster;
}

/**
 * Connects, if need be, and learns who leads these topics; `anew` also where that seems to be known. A connection
 * that failed on the way is dropped: kafkajs takes one for good that opened, but was never told the broker's versions
 * (src/cluster/brokerPool.js), and then throws "Broker not connected" for ever.
 */
export async function connect(cluster: Cluster, topics: Iterable<string>, anew = false): Promise<void> {
  try {
    await cluster.connect();
    await cluster.addMultipleTargetTopics([...topics]);
    if (anew) await cluster.refreshMetadata();
  } catch (error) {
    if (errorType(error) === undefined) await cluster.disconnect().catch(() => {});
    throw error;
  }
}
