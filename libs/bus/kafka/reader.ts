import type { Clock } from "@convergence/runtime/clock.ts";
import type { Logger } from "@convergence/runtime/log.ts";
import type { Cluster } from "kafkajs";
import type { BusRecord, Offset, Partition } from "../port.ts";
import { ReadyCursors } from "../ready-cursors.ts";
import { connect } from "./client.ts";
import { Cursor, type CursorOptions } from "./cursor.ts";
import { errorType, isPassing } from "./errors.ts";
import { FetchSession, type Patience } from "./fetch-session.ts";
import { Lease } from "./lease.ts";
import type { Lookups } from "./lookups.ts";
import { Outage } from "./reach.ts";
import type { Topic } from "./topics.ts";

/** The longest wait at a broker for what the other line's fetch, under way already, could not take along. */
const SECOND_WAIT_MS = 50;
/** So long a partition is not fetched after its records came by acknowledgement. */
const REST_MS = 500;
/** A reader that gathers gets its records at once where so many bytes wait. */
const GATHER_BYTES = 65_536;
/** Not worth a fetch: the other line is about to be free. */
const SOON_MS = 5;

/** What a reader needs of its surroundings. */
export interface ReaderContext {
  clock: Clock;
  log: Logger;
  maxWaitMs: number;
  lookups: Lookups;
  /** Opens connections for a reader of this name. */
  openCluster(name: string): Cluster;
}

/** What a reader does with what it reads. */
export interface ReaderDuties {
  /** Called once with what a handler threw or no later fetch will mend; the reader is closed then. */
  failed(error: unknown): void;
  /** Called after records were handed over. */
  afterTurn?(): void;
  /** Records may come so many milliseconds later, many together (default 0). */
  gatherMs?: number | undefined;
}

/** A way to the brokers: one fetch at a time to each. */
interface Line {
  lease: Lease;
  /** By broker, when the fetch that waits there will end at the latest. */
  flying: Map<string, number>;
  /** By broker. */
  sessions: Map<string, FetchSession>;
}

/**
 * Reads partitions by position and hands over what it reads, in turns.
 *
 * A fetch waits at the broker while there is nothing to read, and what begins to be read meanwhile cannot join it:
 * so there are two lines. The first asks for all that is wanted and waits long; the second asks for what came later
 * until the first is free again, and is silent most of the time.
 */
export class Reader {
  readonly name: string;
  readonly #context: ReaderContext;
  readonly #duties: ReaderDuties;
  readonly #lines: [Line, Line];
  readonly #cursors = new Set<Cursor>();
  readonly #outage: Outage;
  readonly #ready = new ReadyCursors<Cursor>();
  #scheduled = false;
  #refreshing = false;
  #known: ReadonlySet<string> = new Set();
  #closed = false;

  constructor(context: ReaderContext, name: string, duties: ReaderDuties) {
    this.name = name;
    this.#context = context;
    this.#duties = duties;
    const line = (): Line => ({
      lease: new Lease(context.openCluster(name)),
      flying: new Map(),
      sessions: new Map(),
    });
    this.#lines = [line(), line()];
    this.#outage = new Outage(context.clock, {
      away: (why) => context.log.warn({ reader: name, why }, "reading from Kafka fails: trying on"),
      back: () => context.log.info({ reader: name }, "reading from Kafka goes on"),
    });
  }

  /** Reads a partition from `from`, which must lie between its low and its end. */
  read(topic: Topic, partition: Partition, from: Offset, options: CursorOptions): Cursor {
    const cursor = new Cursor(topic, partition, from, options);
    this.#cursors.add(cursor);
    this.notify(cursor);
    return cursor;
  }

  drop(cursor: Cursor): void {
    cursor.close();
    this.#cursors.delete(cursor);
    this.#ready.delete(cursor);
  }

  /** Something changed that may let this cursor go on. */
  notify(cursor: Cursor): void {
    if (this.#closed || cursor.closed) return;
    this.#ready.add(cursor);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  /**
   * Records that this process appended itself were acknowledged: hands them over without a fetch, where nothing of
   * another's stands between. While it goes on like this the partition is hardly fetched; `foreign` ends that.
   */
  own(cursor: Cursor, records: readonly BusRecord[]): void {
    if (this.#closed) return;
    if (cursor.receiveOwn(records)) cursor.restsUntil = this.#context.clock.now() + REST_MS;
    else this.foreign(cursor);
  }

  /** What stands in the partition is not known: it is to be fetched at once. */
  foreign(cursor: Cursor): void {
    cursor.restsUntil = 0;
    this.notify(cursor);
  }

  /** Calls nothing any more. Fetches under way end by themselves. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const cursor of this.#cursors) cursor.close();
    this.#cursors.clear();
    for (const { lease } of this.#lines) lease.close();
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    try {
      this.#drainReady();
      this.#duties.afterTurn?.();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#fetch();
  }

  #drainReady(): void {
    this.#ready.turn();
    if (this.#ready.first) this.notify(this.#ready.first);
  }

  /** Sends a fetch to each broker that leads a partition which nobody waits for, if a line to it is free. */
  #fetch(): void {
    if (this.#closed || this.#refreshing) return;
    const now = this.#context.clock.now();
    const hungry = [...this.#cursors].filter((cursor) => cursor.hungry && cursor.restsUntil <= now);
    if (hungry.length === 0) return;
    const byLeader = this.#byLeader(hungry);
    if (!byLeader) {
      void this.#refresh();
      return;
    }
    const { gatherMs = 0 } = this.#duties;
    const gather = { maxWaitMs: gatherMs, minBytes: GATHER_BYTES };
    const patience = gatherMs > 0 ? gather : { maxWaitMs: this.#context.maxWaitMs, minBytes: 1 };
    for (const [leader, cursors] of byLeader) {
      const [first, second] = this.#lines;
      const free = first.flying.get(leader);
      if (free === undefined) void this.#fetchFrom(first, leader, cursors, patience);
      else if (gatherMs === 0 && !second.flying.has(leader) && free - now > SOON_MS) {
        const maxWaitMs = Math.min(SECOND_WAIT_MS, free - now - SOON_MS);
        void this.#fetchFrom(second, leader, cursors, { maxWaitMs, minBytes: 1 });
      }
    }
  }

  /** Undefined where a leader is not known. */
  #byLeader(cursors: readonly Cursor[]): Map<string, Cursor[]> | undefined {
    const found = new Map<string, Cursor[]>();
    for (const cursor of cursors) {
      const { stored } = cursor.topic;
      if (!this.#known.has(stored)) return undefined;
      const [leader] = Object.keys(
        this.#lines[0].lease.cluster.findLeaderForPartitions(stored, [cursor.partition]),
      );
      if (leader === undefined) return undefined;
      const share = found.get(leader) ?? [];
      found.set(leader, share);
      share.push(cursor);
    }
    return found;
  }

  async #fetchFrom(line: Line, leader: string, cursors: Cursor[], patience: Patience): Promise<void> {
    line.flying.set(leader, this.#context.clock.now() + patience.maxWaitMs);
    for (const cursor of cursors) cursor.flying = true;
    let failure: unknown;
    try {
      const places = cursors.map(({ topic, partition, next }) => ({
        topic: topic.stored,
        partition,
        offset: next,
      }));
      const session = line.sessions.get(leader) ?? new FetchSession();
      line.sessions.set(leader, session);
      const reads = await line.lease.use(async (cluster) => {
        await connect(cluster, this.#known);
        return session.fetch(cluster, leader, places, patience);
      });
      const byPlace = new Map(
        cursors.map((cursor) => [placeOf(cursor.topic.stored, cursor.partition), cursor]),
      );
      for (const { topic, partition, records } of reads)
        byPlace.get(placeOf(topic, partition))?.receive(records);
    } catch (error) {
      failure = error;
    }
    line.flying.delete(leader);
    for (const cursor of cursors) cursor.flying = false;
    if (this.#closed) return;
    if (failure !== undefined) {
      await this.#failed(failure, cursors);
      return;
    }
    this.#outage.worked();
    for (const cursor of cursors) if (!cursor.closed) this.#ready.add(cursor);
    if (!this.#scheduled) this.#turn();
  }

  async #failed(error: unknown, cursors: readonly Cursor[]): Promise<void> {
    const mended = errorType(error) === "OFFSET_OUT_OF_RANGE" && (await this.#returnIntoRange(cursors));
    if (!mended) {
      if (!isPassing(error) && errorType(error) !== "OFFSET_OUT_OF_RANGE") this.#fail(error);
      this.#known = new Set();
      if (!this.#closed) await this.#outage.failed(error);
    }
    this.#fetch();
  }

  /** Retention took the records at a cursor, or the topic was made anew. True where some cursor stands elsewhere now. */
  async #returnIntoRange(cursors: readonly Cursor[]): Promise<boolean> {
    const topics = [...new Set(cursors.map(({ topic }) => topic))];
    const ends = await this.#context.lookups.ends(topics).catch(() => undefined);
    if (!ends) return false;
    let moved = false;
    for (const cursor of cursors) {
      const bounds = ends.get(cursor.topic.spec.name)?.get(cursor.partition);
      if (!bounds || (cursor.next >= bounds.low && cursor.next <= bounds.end)) continue;
      this.#context.log.warn(
        {
          reader: this.name,
          topic: cursor.topic.stored,
          partition: cursor.partition,
          at: cursor.next,
          ...bounds,
        },
        "what was to be read next is not stored any more: going on with what is",
      );
      cursor.jump(Math.min(Math.max(cursor.next, bounds.low), bounds.end));
      this.notify(cursor);
      moved = true;
    }
    return moved;
  }

  /** Learns who leads what, until that works. */
  async #refresh(): Promise<void> {
    this.#refreshing = true;
    while (!this.#closed) {
      const topics = new Set([...this.#cursors].map(({ topic }) => topic.stored));
      try {
        await this.#lines[0].lease.use((cluster) => connect(cluster, topics, true));
        this.#known = topics;
        break;
      } catch (error) {
        if (!isPassing(error)) this.#fail(error);
        else await this.#outage.failed(error);
      }
    }
    this.#refreshing = false;
    this.#fetch();
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#duties.failed(error);
  }
}

function placeOf(topic: string, partition: Partition): string {
  return `${topic}/${partition}`;
}
