import type { BusRecord, Offset, Partition, Reading, View, ViewOptions } from "../port.ts";
import { PositionWaiters } from "../waiters.ts";
import type { Client, Participant } from "./client.ts";
import type { Core } from "./core.ts";
import type { Cursor } from "./cursor.ts";
import type { PartitionLog } from "./log.ts";
import { Reader } from "./reader.ts";

/** Reads whole topics without a group: see Bus.view. */
export class EmbeddedView implements View, Participant {
  readonly failed: Promise<never>;
  readonly #core: Core;
  readonly #client: Client;
  readonly #name: string | undefined;
  readonly #reader: Reader;
  readonly #cursors = new Map<string, Cursor[]>();
  readonly #waiters: PositionWaiters<Cursor>;
  #over = false;

  constructor(core: Core, client: Client, options: ViewOptions, fold: (record: BusRecord) => void) {
    this.#core = core;
    this.#waiters = new PositionWaiters(core.clock);
    this.#client = client;
    this.#name = options.member;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    const topics = options.topics.map((name) => core.topics.get(name));
    const name = `view:${options.member ?? client.name}:${options.topics.join()}`;
    const fail = (error: unknown) => {
      this.#end();
      reject(error);
    };
    this.#reader = new Reader(core.readers, client, name, fail, () => this.#waiters.answer());
    for (const topic of topics) {
      const cursors = topic.logs.map((log) => this.#reader.read(log, start(options, log), { handle: fold }));
      this.#cursors.set(topic.spec.name, cursors);
    }
    client.add(this);
  }

  position(topic: string): Map<Partition, Offset> {
    const cursors = this.#cursors.get(topic);
    if (!cursors) throw new TypeError(`this view does not read "${topic}"`);
    return new Map(cursors.map((cursor) => [cursor.log.partition, cursor.position]));
  }

  *readings(): Iterable<Reading> {
    if (this.#name === undefined) return;
    for (const [topic, cursors] of this.#cursors)
      for (const { log, position } of cursors)
        yield { reader: this.#name, topic, partition: log.partition, next: position };
  }

  caughtUp(ms?: number): Promise<boolean> {
    return this.#client.through(async () => {
      this.#core.reach(this.#client);
      return this.#over ? false : this.#wait(ms);
    });
  }

  stop(): Promise<void> {
    const over = this.#over && !this.#client.dropped;
    return over ? Promise.resolve() : this.#client.through(async () => this.#end());
  }

  resumed(): void {}

  dropped(): void {
    this.#end();
  }

  #wait(ms: number | undefined): Promise<boolean> {
    const cursors = [...this.#cursors.values()].flat();
    return this.#waiters.wait(new Map(cursors.map((cursor) => [cursor, cursor.log.end])), ms);
  }

  #end(): void {
    this.#over = true;
    this.#reader.close();
    this.#client.remove(this);
    this.#waiters.end();
  }
}

function start(options: ViewOptions, log: PartitionLog): Offset {
  if (options.from === "low") return log.low;
  if (options.from === "end") return log.end;
  return options.from.get(log.topic)?.get(log.partition) ?? log.low;
}
