import type { Clock } from "@convergence/runtime/clock.ts";
import { partitionFor } from "../partitioner.ts";
import {
  BusUnavailable,
  type Headers,
  MAX_RECORD_BYTES,
  type Offset,
  type OutRecord,
  type Reading,
} from "../port.ts";
import type { Addressed, Appender } from "./appender.ts";
import { Client } from "./client.ts";
import type { BusFaults } from "./faults.ts";
import type { Groups } from "./group.ts";
import type { Limits } from "./options.ts";
import type { ReaderContext } from "./reader.ts";
import { NO_HEADERS } from "./store.ts";
import type { Topics } from "./topics.ts";

/** What all parts of an open embedded bus share. */
export class Core {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly topics: Topics;
  readonly appender: Appender;
  readonly groups: Groups;
  readonly readers: ReaderContext;
  readonly #faults: BusFaults | undefined;
  readonly #clients = new Map<string, Client>();
  #closed = false;

  constructor(parts: {
    clock: Clock;
    limits: Limits;
    topics: Topics;
    appender: Appender;
    groups: Groups;
    readers: ReaderContext;
    faults: BusFaults | undefined;
  }) {
    this.clock = parts.clock;
    this.limits = parts.limits;
    this.topics = parts.topics;
    this.appender = parts.appender;
    this.groups = parts.groups;
    this.readers = parts.readers;
    this.#faults = parts.faults;
  }

  /** The living client of this name, made at need. */
  client(name: string): Client {
    const known = this.#clients.get(name);
    if (known?.alive) return known;
    const client = new Client(name, this.clock, this.limits.sessionTimeoutMs, this.#closed);
    this.#clients.set(name, client);
    return client;
  }

  readings(): Reading[] {
    return [...this.#clients.values()].flatMap((client) => client.readings());
  }

  /** Ends all that runs, and refuses everything from then on. */
  async close(): Promise<void> {
    const ends = await Promise.allSettled([...this.#clients.values()].map((client) => client.close()));
    this.#closed = true;
    this.appender.close();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** @throws BusUnavailable while the simulator cuts this client off. */
  reach(client: Client): void {
    if (this.#faults?.unreachable?.(client.name)) throw new BusUnavailable("the bus cannot be reached");
  }

  /** Appends for a client, with what faults the simulator wants. */
  async append(client: Client, records: readonly OutRecord[]): Promise<Offset[]> {
    const addressed = records.map((record) => this.#address(record));
    this.reach(client);
    const faults = this.#faults;
    if (!faults) return this.appender.append(addressed);
    const fault = faults.beforeAppend?.(records, client.name) ?? "ok";
    await this.#delay(faults.appendDelayMs?.(client.name) ?? 0);
    if (fault === "fail") throw new BusUnavailable("the append failed");
    let offsets = await this.appender.append(addressed);
    if (fault === "store-twice") offsets = await this.appender.append(addressed);
    await this.#delay(faults.ackDelayMs?.(client.name) ?? 0);
    if (fault === "fail-but-stored") throw new BusUnavailable("the answer to an append was lost");
    return offsets;
  }

  #address(record: OutRecord): Addressed {
    const topic = this.topics.get(record.topic);
    const headers = record.headers ?? NO_HEADERS;
    checkSize(record, headers);
    const partition = record.partition ?? partitionFor(record.key, topic.spec.partitions);
    return {
      log: this.topics.log(record.topic, partition),
      key: record.key,
      value: record.value,
      headers,
    };
  }

  async #delay(ms: number): Promise<void> {
    if (ms > 0) await new Promise<void>((resolve) => this.clock.after(ms, resolve));
  }
}

function checkSize({ topic, key, value }: OutRecord, headers: Headers): void {
  let bytes = Buffer.byteLength(key) + (value?.byteLength ?? 0);
  for (const name in headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? "");
  if (bytes <= MAX_RECORD_BYTES) return;
  throw new RangeError(
    `a record for "${topic}" has ${bytes} bytes, more than ${MAX_RECORD_BYTES}: make it smaller`,
  );
}
