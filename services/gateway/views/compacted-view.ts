import type { DatabaseSync } from "node:sqlite";
import type { BusRecord } from "@convergence/bus";
import { decodeAs, type MessageOf, type MessageType, type Topic } from "@convergence/contracts";
import type { GatewayDeps } from "../deps.ts";
import { transaction } from "./database.ts";
import { Follower } from "./follower.ts";

/** How a compacted topic's records become a state that can be asked. */
export interface Projection<T extends MessageType, S> {
  topic: Topic;
  types: readonly T[];
  empty(): S;
  /** Folds one record. A null message is a tombstone. Must not depend on the order of records of different keys. */
  apply(state: S, key: string, message: MessageOf<T> | null): void;
  /** True for what must also reach the state that is being served while the topic is read anew. */
  urgent(message: MessageOf<T>): boolean;
}

const FLUSH_MS = 100;

/**
 * A compacted topic's current state in memory. It is read whole at each start, so that nothing stale is trusted; its
 * last records are mirrored in SQLite, to be served from while the bus is silent.
 */
export class CompactedView<T extends MessageType, S> {
  readonly follower: Follower;
  readonly #deps: GatewayDeps;
  readonly #database: DatabaseSync;
  readonly #projection: Projection<T, S>;
  readonly #folded: (message: MessageOf<T>) => void;
  /** What is asked. */
  #served: S;
  /** What is being read anew, with the bytes of each key; undefined once it is served. */
  #fresh: { state: S; values: Map<string, Uint8Array> } | undefined;
  /** The file holds what a whole reading came to. */
  #mirrored: boolean;
  /** This process has read the topic whole; nothing is written before. */
  #whole = false;
  readonly #changed = new Map<string, Uint8Array | null>();
  #flushing = false;
  #stopped = false;

  /** `folded` is called for each message that reached the served state. */
  constructor(
    deps: GatewayDeps,
    database: DatabaseSync,
    projection: Projection<T, S>,
    folded: (message: MessageOf<T>) => void = () => {},
  ) {
    this.#deps = deps;
    this.#database = database;
    this.#projection = projection;
    this.#folded = folded;
    this.#served = this.#load();
    this.#mirrored =
      database.prepare("SELECT 1 FROM mirrored WHERE topic = ?").get(projection.topic) !== undefined;
    this.follower = new Follower({
      bus: deps.bus,
      clock: deps.clock,
      log: deps.log,
      metrics: deps.metrics,
      name: `gateway:${projection.topic}`,
      topics: [projection.topic],
      from: async () => {
        this.#fresh = { state: projection.empty(), values: new Map() };
        return "low";
      },
      fold: (record) => this.#fold(record),
      current: () => this.#swap(),
      canServeStale: () => this.#mirrored,
    });
  }

  get state(): S {
    return this.#served;
  }

  async stop(): Promise<void> {
    await this.follower.stop();
    this.#flush();
    this.#stopped = true;
  }

  #load(): S {
    const state = this.#projection.empty();
    const rows = this.#database.prepare("SELECT key, value FROM mirror WHERE topic = ?");
    for (const { key, value } of rows.all(this.#projection.topic)) {
      if (typeof key !== "string" || !(value instanceof Uint8Array)) continue;
      const message = this.#read(value);
      if (message !== undefined) this.#projection.apply(state, key, message);
    }
    return state;
  }

  #fold(record: BusRecord): void {
    const { key, value } = record;
    const message = value === null ? null : this.#read(value);
    if (message === undefined) return;
    if (this.#fresh === undefined) {
      this.#changed.set(key, value);
      this.#schedule();
      this.#serve(key, message);
      return;
    }
    if (value === null) this.#fresh.values.delete(key);
    else this.#fresh.values.set(key, value);
    this.#projection.apply(this.#fresh.state, key, message);
    if (message !== null && this.#projection.urgent(message)) this.#serve(key, message);
  }

  #serve(key: string, message: MessageOf<T> | null): void {
    this.#projection.apply(this.#served, key, message);
    if (message !== null) this.#folded(message);
  }

  /** An unreadable record stays where it is, in the topic: whoever can read it finds it there. */
  #read(value: Uint8Array): MessageOf<T> | undefined {
    const { topic, types } = this.#projection;
    try {
      return decodeAs(value, types);
    } catch (err) {
      this.#deps.metrics.unreadable(topic);
      this.#deps.log.error({ err, topic }, "a record cannot be read: it is left out");
      return undefined;
    }
  }

  /** What was read anew is served from now on, and mirrored. */
  #swap(): void {
    if (this.#fresh === undefined) return;
    const { state, values } = this.#fresh;
    this.#fresh = undefined;
    this.#served = state;
    this.#changed.clear();
    const { topic } = this.#projection;
    const stored = this.#database.prepare("SELECT key, value FROM mirror WHERE topic = ?");
    const before = new Map(stored.all(topic).map((row) => [row.key, row.value]));
    for (const key of before.keys()) {
      if (typeof key === "string" && !values.has(key)) this.#changed.set(key, null);
    }
    for (const [key, value] of values) {
      const known = before.get(key);
      if (!(known instanceof Uint8Array) || Buffer.compare(known, value) !== 0) this.#changed.set(key, value);
    }
    this.#whole = true;
    this.#flush();
  }

  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#deps.clock.after(FLUSH_MS, () => {
      this.#flushing = false;
      if (!this.#stopped) this.#flush();
    });
  }

  /** The mirror only serves while the bus is silent, so a write that fails is tried again, and nothing waits for it. */
  #flush(): void {
    try {
      this.#write();
    } catch (err) {
      this.#deps.log.error({ err, topic: this.#projection.topic }, "a view cannot be stored: trying again");
      this.#schedule();
    }
  }

  #write(): void {
    if (!this.#whole || (this.#changed.size === 0 && this.#mirrored)) return;
    const { topic } = this.#projection;
    const put = this.#database.prepare("INSERT OR REPLACE INTO mirror (topic, key, value) VALUES (?, ?, ?)");
    const remove = this.#database.prepare("DELETE FROM mirror WHERE topic = ? AND key = ?");
    transaction(this.#database, () => {
      for (const [key, value] of this.#changed) {
        if (value === null) remove.run(topic, key);
        else put.run(topic, key, value);
      }
      this.#database.prepare("INSERT OR IGNORE INTO mirrored (topic) VALUES (?)").run(topic);
    });
    this.#changed.clear();
    this.#mirrored = true;
  }
}
