import { crc32 } from "node:zlib";
import type { Cluster, KafkaConfig } from "kafkajs";
import type { Ends, Offset, Partition } from "../port.ts";
import { connect, openCluster } from "./client.ts";
import { fetchOnce, type StoredRecord } from "./fetch.ts";
import kafkajs from "./kafkajs.ts";
import { Lease } from "./lease.ts";
import { partitionsOf, type Topic } from "./topics.ts";

/** Kafka's names for the first stored offset and the next one to be written, as timestamps of ListOffsets. */
const EARLIEST = -2;
const LATEST = -1;

/** Questions about topics, asked of the brokers now. Errors are kafkajs'. */
export class Lookups {
  readonly #cluster: Cluster;
  readonly #lease: Lease;
  readonly #config: KafkaConfig;
  #clusterId: string | undefined;
  /** What is known of the leaders may be wrong. */
  #stale = false;

  constructor(config: KafkaConfig) {
    this.#config = config;
    this.#cluster = openCluster(config);
    this.#lease = new Lease(this.#cluster);
  }

  close(): void {
    this.#lease.close();
  }

  /** Low and end of all partitions of these topics, by the topics' own names. */
  async ends(topics: readonly Topic[]): Promise<Map<string, Ends>> {
    try {
      return await this.#lease.use(() => this.#ends(topics));
    } catch (error) {
      this.#stale = true;
      throw error;
    }
  }

  async #ends(topics: readonly Topic[]): Promise<Map<string, Ends>> {
    await this.#reach(topics);
    const [lows, ends] = await Promise.all([this.#offsets(topics, EARLIEST), this.#offsets(topics, LATEST)]);
    return new Map(
      topics.map((topic) => [
        topic.spec.name,
        new Map(
          partitionsOf(topic).map((partition) => {
            const place = `${topic.stored}/${partition}`;
            return [partition, { low: known(lows, place), end: known(ends, place) }];
          }),
        ),
      ]),
    );
  }

  /** A fingerprint of the last record stored before `at`: see Bus.mark. */
  mark(topic: Topic, partition: Partition, at: Offset): Promise<string | null> {
    return this.#lease.use(() => this.#mark(topic, partition, at));
  }

  async #mark(topic: Topic, partition: Partition, at: Offset): Promise<string | null> {
    const bounds = (await this.ends([topic])).get(topic.spec.name)?.get(partition);
    const { low = 0, end = 0 } = bounds ?? {};
    const before = Math.min(at, end);
    // Kafka reads forward alone: step back until something is met, further each time.
    for (let back = 1; before > low; back *= 16) {
      const from = Math.max(low, before - back);
      const last = await this.#lastBetween(topic, partition, from, before);
      if (last) return this.#fingerprint(last);
      if (from === low) break;
    }
    return null;
  }

  async #fingerprint({ offset, timestamp, key, value }: StoredRecord): Promise<string> {
    const sum = crc32(value ?? "", crc32(key ?? "")).toString(16);
    return `${await this.#askClusterId()}/${offset}/${timestamp}/${sum}`;
  }

  async #askClusterId(): Promise<string> {
    if (this.#clusterId !== undefined) return this.#clusterId;
    const admin = new kafkajs.Kafka(this.#config).admin();
    try {
      await admin.connect();
      this.#clusterId = (await admin.describeCluster()).clusterId;
      return this.#clusterId;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  async #lastBetween(
    topic: Topic,
    partition: Partition,
    from: Offset,
    before: Offset,
  ): Promise<StoredRecord | undefined> {
    let last: StoredRecord | undefined;
    for (let next = from; next < before; ) {
      const leader = Object.keys(this.#cluster.findLeaderForPartitions(topic.stored, [partition]))[0] ?? "";
      const wanted = [{ topic: topic.stored, partition, offset: next }];
      const [read] = await fetchOnce(this.#cluster, leader, wanted, 0);
      const records = read?.records ?? [];
      for (const record of records) {
        if (Number(record.offset) < before && !record.isControlRecord) last = record;
      }
      const behind = Number(records.at(-1)?.offset ?? -1) + 1;
      if (behind <= next) break;
      next = behind;
    }
    return last;
  }

  async #offsets(topics: readonly Topic[], fromTimestamp: number): Promise<Map<string, Offset>> {
    const answers = await this.#cluster.fetchTopicsOffset(
      topics.map((topic) => ({
        topic: topic.stored,
        partitions: partitionsOf(topic).map((partition) => ({ partition })),
        fromTimestamp,
      })),
    );
    return new Map(
      answers.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
      ),
    );
  }

  async #reach(topics: readonly Topic[]): Promise<void> {
    await connect(
      this.#cluster,
      topics.map(({ stored }) => stored),
      this.#stale,
    );
    this.#stale = false;
  }
}

/** kafkajs leaves partitions out whose leader it does not know. */
function known(offsets: ReadonlyMap<string, Offset>, place: string): Offset {
  const offset = offsets.get(place);
  if (offset === undefined)
    throw Object.assign(new Error(`no leader of ${place} is known`), { retriable: true });
  return offset;
}
