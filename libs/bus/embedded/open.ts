import { deadLetter } from "../dead-letter.ts";
import { partitionFor } from "../partitioner.ts";
import type {
  Bus,
  BusRecord,
  Done,
  Ends,
  Lane,
  Offset,
  OutRecord,
  OwnOptions,
  Partition,
  Reading,
  Readings,
  Running,
  View,
  ViewOptions,
  WorkOptions,
} from "../port.ts";
import { Appender } from "./appender.ts";
import { Cleaner } from "./cleaner.ts";
import type { Client } from "./client.ts";
import { Core } from "./core.ts";
import { Groups } from "./group.ts";
import { DEFAULT_LIMITS, type EmbeddedBusOptions } from "./options.ts";
import { startOwn } from "./own.ts";
import { Dispatcher } from "./reader.ts";
import { Store } from "./store.ts";
import { declareTopics } from "./topics.ts";
import { EmbeddedView } from "./view.ts";
import { startWork } from "./work.ts";

/** The embedded adapter's bus: one process, and a hand on each of its members. */
export interface EmbeddedBus extends Bus, Readings {
  /**
   * The same bus as `member` sees it: all that is asked or run through it belongs to that member, and its `close`
   * ends only what runs through it. After `dropMember`, the same name gives a new member.
   */
  as(member: string): EmbeddedBus;
  /**
   * Freezes a member, as SIGSTOP would: nothing is called, and what it asks waits. After the session timeout its
   * groups count it out and give its partitions to others.
   */
  pauseMember(member: string): void;
  /**
   * Lets a member go on where it was. If it was counted out, it does not know yet: what it asked meanwhile is done
   * (its appends are stored), its guards reject, and a little later its lanes are lost and it joins anew.
   */
  resumeMember(member: string): void;
  /** Kills a member, as SIGKILL would: nothing of it is called or settled any more; its session expires. */
  dropMember(member: string): void;
}

/**
 * Opens a bus on a SQLite file. Nothing runs while nothing happens: no polling, and timers only for what is due.
 * @throws BusFileError when the file is in use, not a bus file, of a newer version, or has a topic otherwise.
 */
export function openEmbeddedBus(options: EmbeddedBusOptions): EmbeddedBus {
  const store = new Store(options.file, options.synchronous ?? "full");
  try {
    const { core, cleaner } = assemble(store, options);
    const close = once(async () => {
      try {
        await core.close();
      } finally {
        cleaner.close();
        store.close();
      }
    });
    return new Face(core, core.client(""), false, close);
  } catch (error) {
    store.close();
    throw error;
  }
}

function assemble(store: Store, options: EmbeddedBusOptions): { core: Core; cleaner: Cleaner } {
  const { clock, random, file, faults } = options;
  const defer = options.defer ?? setImmediate;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const topics = declareTopics(store, file, options.topics, random);
  const cleaner = new Cleaner(store, clock, limits, topics);
  const dispatcher = new Dispatcher(defer);
  const appender = new Appender(store, clock, dispatcher, defer, (log) => cleaner.stored(log));
  const groups = new Groups(store.positions(), appender, defer);
  const readers = { clock, dispatcher, deliveryDelayMs: faults?.deliveryDelayMs?.bind(faults) };
  return { core: new Core({ clock, limits, topics, appender, groups, readers, faults }), cleaner };
}

function once(run: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= run());
}

/** The bus as one client sees it. */
class Face implements EmbeddedBus {
  readonly #core: Core;
  readonly #client: Client;
  /** A bound face's members are its own client; the root's are clients of their own names. */
  readonly #bound: boolean;
  readonly close: () => Promise<void>;
  readonly #closeAll: () => Promise<void>;

  constructor(core: Core, client: Client, bound: boolean, closeAll: () => Promise<void>) {
    this.#core = core;
    this.#client = client;
    this.#bound = bound;
    this.#closeAll = closeAll;
    this.close = bound ? once(() => client.close()) : closeAll;
  }

  as(member: string): EmbeddedBus {
    return new Face(this.#core, this.#core.client(member), true, this.#closeAll);
  }

  append(records: OutRecord[]): Promise<Offset[]> {
    return this.#client.through(() => this.#core.append(this.#client, records));
  }

  partitionOf(topic: string, key: string): Partition {
    return partitionFor(key, this.partitions(topic));
  }

  partitions(topic: string): number {
    return this.#core.topics.get(topic).spec.partitions;
  }

  ends(topic: string): Promise<Ends> {
    return this.#ask(() => {
      const { logs } = this.#core.topics.get(topic);
      return new Map(logs.map(({ partition, low, end }) => [partition, { low, end }]));
    });
  }

  mark(topic: string, partition: Partition, at: Offset): Promise<string | null> {
    return this.#ask(() => this.#core.topics.mark(topic, partition, at));
  }

  own(options: OwnOptions, gained: (partition: Partition) => Lane): Promise<Running> {
    return this.#run(options.member, (client) => startOwn(this.#core, client, options, gained));
  }

  view(options: ViewOptions, fold: (record: BusRecord) => void): Promise<View> {
    return this.#run(options.member, (client) => new EmbeddedView(this.#core, client, options, fold));
  }

  work(options: WorkOptions, take: (record: BusRecord, done: Done) => void): Promise<Running> {
    return this.#run(options.member, (client) => startWork(this.#core, client, options, take));
  }

  async dead(record: BusRecord, error: unknown): Promise<void> {
    await this.append([deadLetter(record, error)]);
  }

  readings(): Reading[] {
    return this.#bound ? this.#client.readings() : this.#core.readings();
  }

  pauseMember(member: string): void {
    this.#core.client(member).pause();
  }

  resumeMember(member: string): void {
    this.#core.client(member).resume();
  }

  dropMember(member: string): void {
    this.#core.client(member).drop();
  }

  #ask<T>(question: () => T): Promise<T> {
    return this.#client.through(async () => {
      this.#core.reach(this.#client);
      return question();
    });
  }

  #run<T>(member: string | undefined, start: (client: Client) => T): Promise<T> {
    const client = this.#bound || member === undefined ? this.#client : this.#core.client(member);
    return client.through(async () => start(client));
  }
}
