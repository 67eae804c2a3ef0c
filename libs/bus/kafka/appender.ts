import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { Logger } from "@convergence/runtime/log.ts";
import type { KafkaConfig, Message, Producer, RecordMetadata } from "kafkajs";
import { BusUnavailable, type Headers, type Offset, type Partition } from "../port.ts";
import { errorType, isPassing } from "./errors.ts";
import kafkajs from "./kafkajs.ts";
import { Outage } from "./reach.ts";
import type { Topic } from "./topics.ts";

/**
 * kafkajs makes one batch of a send's records for a partition, and the broker takes 1,048,588 bytes in a batch
 * (message.max.bytes, its default). A record of MAX_RECORD_BYTES and what frames it fit.
 */
const MAX_BATCH_BYTES = 1_040_000;
const MAX_SEND_BYTES = 8_000_000;
/** At most what frames a record and one of its headers: lengths as varints, offset, time. */
const FRAME_BYTES = 40;
const HEADER_FRAME_BYTES = 10;

/** A record whose partition is known. */
export interface Addressed {
  topic: Topic;
  partition: Partition;
  key: string;
  value: Uint8Array | null;
  headers: Headers;
  /** Of key, value and headers. */
  bytes: number;
}

interface Append {
  offsets: Offset[];
  missing: number;
  deadline: number;
  settled: boolean;
  resolve(offsets: Offset[]): void;
  reject(error: unknown): void;
}

interface Entry {
  record: Addressed;
  append: Append;
  index: number;
  stored: boolean;
}

/**
 * Sends what gathered while the last send was under way: no timer, so that one that comes alone goes at once.
 * One send at a time keeps the order. Not kafkajs' idempotent producer: after a send of unknown outcome it counts its
 * sequence back, and the broker takes what comes next for a repetition (tulios/kafkajs, src/producer/sendMessages.js).
 */
export class Appender {
  readonly #clock: Clock;
  readonly #withinMs: number;
  readonly #producer: Producer;
  readonly #outage: Outage;
  #queue: Entry[] = [];
  #sending = false;
  #connected = false;
  #sweep: Timer | undefined;
  readonly #open = new Set<Append>();
  #closed = false;

  constructor(config: KafkaConfig, clock: Clock, log: Logger, withinMs: number) {
    this.#clock = clock;
    this.#withinMs = withinMs;
    this.#producer = new kafkajs.Kafka(config).producer({
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: config.retry,
    });
    this.#outage = new Outage(clock, {
      away: (why) => log.warn({ why }, "appending to Kafka fails: trying on"),
      back: () => log.info("appending to Kafka works again"),
    });
  }

  /** @throws BusUnavailable when the brokers did not store all in time; its outcome is unknown then. */
  append(records: readonly Addressed[]): Promise<Offset[]> {
    if (records.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const deadline = this.#clock.now() + this.#withinMs;
      const offsets: Offset[] = new Array(records.length);
      const append: Append = { offsets, missing: records.length, deadline, settled: false, resolve, reject };
      this.#open.add(append);
      for (const [index, record] of records.entries())
        this.#queue.push({ record, append, index, stored: false });
      this.#sweepLater();
      void this.#pump();
    });
  }

  /** Waits for what is under way, then refuses. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#producer.disconnect().catch(() => {});
    for (const append of this.#open) this.#reject(append, new BusUnavailable("the bus is closed"));
    this.#sweep?.clear();
  }

  async #pump(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    // What else is appended in this turn of the event loop goes along.
    await Promise.resolve();
    while (this.#queue.length > 0 && !this.#closed) await this.#send(this.#take());
    this.#sending = false;
  }

  /** The first records of the queue that one send can carry; those whose append was given up are dropped. */
  #take(): Entry[] {
    const taken: Entry[] = [];
    const byPartition = new Map<string, number>();
    let total = 0;
    let at = 0;
    for (; at < this.#queue.length; at++) {
      const entry = this.#queue[at];
      if (!entry || entry.append.settled) continue;
      const place = placeOf(entry.record.topic.stored, entry.record.partition);
      const size = framed(entry.record);
      const batch = (byPartition.get(place) ?? 0) + size;
      total += size;
      if (taken.length > 0 && (batch > MAX_BATCH_BYTES || total > MAX_SEND_BYTES)) break;
      byPartition.set(place, batch);
      taken.push(entry);
    }
    this.#queue = this.#queue.slice(at);
    return taken;
  }

  /**
   * Sends until it is stored, refused, or given up. kafkajs tells of one failure for all partitions of a send: after one,
   * each partition is sent by itself, so that what another's leader stored is not stored again, nor kept waiting.
   */
  async #send(entries: Entry[]): Promise<void> {
    let groups = [entries];
    while (groups.length > 0 && !this.#closed) {
      const failures = (await Promise.all(groups.map((group) => this.#store(group)))).flat();
      const [failure] = failures;
      if (failure === undefined) return;
      // A connection that failed may be one that never came to be: see `connect` in client.ts.
      if (errorType(failure) === undefined) {
        await this.#producer.disconnect().catch(() => {});
        this.#connected = false;
      }
      await this.#outage.failed(failure);
      groups = byPartition(entries.filter(isOpen));
    }
  }

  /** Sends once. Returns the failure that may pass; of another all is rejected, where it stands for one partition. */
  async #store(entries: readonly Entry[]): Promise<unknown[]> {
    try {
      if (!this.#connected) await this.#producer.connect();
      this.#connected = true;
      const stored = await this.#producer.sendBatch({
        acks: -1,
        timeout: this.#withinMs,
        ...toSend(entries),
      });
      this.#outage.worked();
      this.#settle(entries, stored);
      return [];
    } catch (error) {
      if (isPassing(error) || byPartition(entries).length > 1) return [error];
      for (const { append } of entries) this.#reject(append, error);
      return [];
    }
  }

  #settle(entries: readonly Entry[], stored: readonly RecordMetadata[]): void {
    const next = new Map(
      stored.map(({ topicName, partition, baseOffset }) => [
        placeOf(topicName, partition),
        Number(baseOffset),
      ]),
    );
    for (const entry of entries) {
      const { record, append, index } = entry;
      const place = placeOf(record.topic.stored, record.partition);
      const offset = next.get(place);
      if (offset === undefined) throw new Error(`the brokers did not say where records of ${place} are`);
      next.set(place, offset + 1);
      append.offsets[index] = offset;
      entry.stored = true;
      if (--append.missing > 0 || append.settled) continue;
      this.#open.delete(append);
      append.settled = true;
      append.resolve(append.offsets);
    }
  }

  #reject(append: Append, error: unknown): void {
    if (append.settled) return;
    append.settled = true;
    this.#open.delete(append);
    append.reject(error);
  }

  /** One timer for all: rejects what took too long, sent or not. */
  #sweepLater(): void {
    const [oldest] = this.#open;
    if (this.#sweep || !oldest) return;
    this.#sweep = this.#clock.after(Math.max(0, oldest.deadline - this.#clock.now()), () => {
      this.#sweep = undefined;
      const now = this.#clock.now();
      for (const append of this.#open) {
        if (append.deadline > now) break;
        this.#reject(append, new BusUnavailable(`the append was not stored within ${this.#withinMs} ms`));
      }
      this.#sweepLater();
    });
  }
}

function isOpen({ append, stored }: Entry): boolean {
  return !append.settled && !stored;
}

function byPartition(entries: readonly Entry[]): Entry[][] {
  return [...Map.groupBy(entries, ({ record }) => placeOf(record.topic.stored, record.partition)).values()];
}

function toSend(entries: readonly Entry[]) {
  const topics = new Map<string, Message[]>();
  for (const { record } of entries) {
    const messages = topics.get(record.topic.stored) ?? [];
    topics.set(record.topic.stored, messages);
    const { key, value, partition, headers } = record;
    messages.push({ key, value: value && asBuffer(value), partition, headers: { ...headers } });
  }
  return { topicMessages: [...topics].map(([topic, messages]) => ({ topic, messages })) };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function framed({ bytes, headers }: Addressed): number {
  return bytes + FRAME_BYTES + Object.keys(headers).length * HEADER_FRAME_BYTES;
}

function placeOf(topic: string, partition: Partition): string {
  return `${topic}/${partition}`;
}
