import type { Timer } from "@convergence/runtime/clock.ts";
import type { BusRecord, Offset, Partition, View, ViewOptions } from "../port.ts";
import type { Client, Participant } from "./client.ts";
import type { Core } from "./core.ts";
import type { Cursor } from "./cursor.ts";
import type { PartitionLog } from "./log.ts";
import { Reader } from "./reader.ts";

interface Waiter {
  ends: ReadonlyMap<Cursor, Offset>;
  resolve(caughtUp: boolean): void;
  timer: Timer | undefined;
}

/** Reads whole topics without a group: see Bus.view. */
export class EmbeddedView implements View, Participant {
  readonly failed: Promise<never>;
  readonly #core: Core;
  readonly #client: Client;
  readonly #reader: Reader;
  readonly #cursors = new Map<string, Cursor[]>();
  #waiters: Waiter[] = [];
  #over = false;

  constructor(core: Core, client: Client, options: ViewOptions, fold: (record: BusRecord) => void) {
    this.#core = core;
    this.#client = client;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    const topics = options.topics.map((name) => core.topics.get(name));
    const name = `view:${options.member ?? client.name}:${options.topics.join()}`;
    const fail = (error: unknown) => {
      this.#end();
      reject(error);
    };
    this.#reader = new Reader(core.readers, client, name, fail, () => this.#answer());
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
    return new Promise((resolve) => {
      const cursors = [...this.#cursors.values()].flat();
      const ends = new Map(cursors.map((cursor) => [cursor, cursor.log.end]));
      const waiter: Waiter = { ends, resolve, timer: undefined };
      if (ms !== undefined) {
        waiter.timer = this.#core.clock.after(ms, () => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          resolve(false);
        });
      }
      this.#waiters.push(waiter);
      this.#answer();
    });
  }

  /** Resolves those that wait for what is folded by now. */
  #answer(): void {
    if (this.#waiters.length === 0) return;
    this.#waiters = this.#waiters.filter(({ ends, resolve, timer }) => {
      for (const [cursor, end] of ends) if (cursor.position < end) return true;
      timer?.clear();
      resolve(true);
      return false;
    });
  }

  #end(): void {
    this.#over = true;
    this.#reader.close();
    this.#client.remove(this);
    for (const { resolve, timer } of this.#waiters.splice(0)) {
      timer?.clear();
      resolve(false);
    }
  }
}

function start(options: ViewOptions, log: PartitionLog): Offset {
  if (options.from === "low") return log.low;
  if (options.from === "end") return log.end;
  return options.from.get(log.topic)?.get(log.partition) ?? log.low;
}
