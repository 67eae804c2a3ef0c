import type { Clock } from "@convergence/runtime/clock.ts";
import type { Logger } from "@convergence/runtime/log.ts";
import type { Cluster } from "kafkajs";
import { partitionFor } from "../partitioner.ts";
import {
  BusUnavailable,
  type Headers,
  MAX_RECORD_BYTES,
  type Offset,
  type OutRecord,
  type Reading,
} from "../port.ts";
import { type Addressed, Appender } from "./appender.ts";
import { kafkaConfig, openCluster } from "./client.ts";
import type { Lookups } from "./lookups.ts";
import { DEFAULT_LIMITS, type KafkaBusOptions, type KafkaLimits } from "./options.ts";
import { Reach } from "./reach.ts";
import type { ReaderContext } from "./reader.ts";
import type { Topics } from "./topics.ts";

/** Something that runs on a bus and ends with it. */
export interface Participant {
  stop(): Promise<void>;
  readings(): Iterable<Reading>;
}

const NO_HEADERS: Headers = Object.freeze({});

/** What all parts of an open Kafka bus share. */
export class Core {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: KafkaLimits;
  readonly prefix: string;
  readonly topics: Topics;
  readonly reach: Reach;
  readonly lookups: Lookups;
  readonly readers: ReaderContext;
  /** Resolves once the topics are there as declared; rejects where they are kept otherwise. */
  readonly ready: Promise<void>;
  readonly #options: KafkaBusOptions;
  readonly #appender: Appender;
  readonly #participants = new Set<Participant>();
  #closed = false;

  constructor(options: KafkaBusOptions, topics: Topics, lookups: Lookups, ready: Promise<void>) {
    this.#options = options;
    this.clock = options.clock;
    this.log = options.log;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.prefix = options.prefix ?? "";
    this.topics = topics;
    this.lookups = lookups;
    this.ready = ready;
    this.reach = new Reach(this.clock, this.limits.reachWithinMs);
    const { maxWaitMs, reachWithinMs } = this.limits;
    this.#appender = new Appender(
      kafkaConfig(options, undefined, reachWithinMs),
      this.clock,
      this.log,
      reachWithinMs,
    );
    const open = (name: string) => this.openCluster(name);
    this.readers = { clock: this.clock, log: this.log, maxWaitMs, lookups, openCluster: open };
  }

  /** @throws BusUnavailable when the bus is closed. */
  mustBeOpen(): void {
    if (this.#closed) throw new BusUnavailable("the bus is closed");
  }

  add(participant: Participant): void {
    this.#participants.add(participant);
  }

  remove(participant: Participant): void {
    this.#participants.delete(participant);
  }

  readings(): Reading[] {
    return [...this.#participants].flatMap((participant) => [...participant.readings()]);
  }

  /** Connections of their own for a reader or a member. */
  openCluster(name: string, requestTimeoutMs = this.limits.reachWithinMs): Cluster {
    return openCluster(kafkaConfig(this.#options, name, requestTimeoutMs));
  }

  /** @throws BusUnavailable when the bus is closed, or the brokers were never reached in time. */
  async open(): Promise<void> {
    this.mustBeOpen();
    await this.reach.bounded("waiting for the topics", this.ready);
  }

  /** Asks the brokers something, for a bounded time. */
  async ask<T>(what: string, question: () => Promise<T>): Promise<T> {
    await this.open();
    return this.reach.within(what, question);
  }

  async append(records: readonly OutRecord[]): Promise<Offset[]> {
    const addressed = records.map((record) => this.#address(record));
    await this.open();
    return this.#appender.append(addressed);
  }

  /** Ends all that runs, and refuses everything from then on. */
  async close(): Promise<void> {
    const ends = await Promise.allSettled([...this.#participants].map((participant) => participant.stop()));
    this.#closed = true;
    await this.reach.bounded("closing", this.#appender.close(), 1_000).catch(() => {});
    this.lookups.close();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  #address(record: OutRecord): Addressed {
    const topic = this.topics.get(record.topic);
    const partition = record.partition ?? partitionFor(record.key, topic.spec.partitions);
    this.topics.checked(record.topic, partition);
    const headers = record.headers ?? NO_HEADERS;
    return {
      topic,
      partition,
      key: record.key,
      value: record.value,
      headers,
      bytes: checkedSize(record, headers),
    };
  }
}

function checkedSize({ topic, key, value }: OutRecord, headers: Headers): number {
  let bytes = Buffer.byteLength(key) + (value?.byteLength ?? 0);
  for (const name in headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? "");
  if (bytes <= MAX_RECORD_BYTES) return bytes;
  throw new RangeError(
    `a record for "${topic}" has ${bytes} bytes, more than ${MAX_RECORD_BYTES}: make it smaller`,
  );
}
