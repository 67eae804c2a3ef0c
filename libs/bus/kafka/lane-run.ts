import { ContiguousTracker } from "../contiguous.ts";
import {
  type BusRecord,
  type Ends,
  type Lane,
  LaneLost,
  type Offset,
  type OutRecord,
  type Owner,
  type Partition,
} from "../port.ts";
import type { Progress } from "./committer.ts";
import type { Core } from "./core.ts";
import type { Cursor } from "./cursor.ts";
import type { Committed, Member } from "./member.ts";
import type { Topic } from "./topics.ts";

/** The co-partitioned topics of an owner. */
export interface LaneTopics {
  inputs: readonly Topic[];
  log: Topic;
  snapshots: Topic;
}

interface Input extends Progress {
  cursor: Cursor | undefined;
  start: Offset;
}

type LaneRecords = Pick<OutRecord, "key" | "value" | "headers">[];

/** One owned partition: restores its lane, then feeds it. Also the lane's hands. */
export class LaneRun implements Owner {
  readonly partition: Partition;
  readonly #core: Core;
  readonly #member: Member;
  readonly #topics: LaneTopics;
  readonly #lane: Lane;
  readonly #giveUp: (why: string) => void;
  readonly #inputs = new Map<string, Input>();
  readonly #cursors: Cursor[] = [];
  #log: Cursor | undefined;
  #taking = false;
  #appending = false;
  #lost: string | undefined;

  constructor(
    core: Core,
    member: Member,
    topics: LaneTopics,
    partition: Partition,
    lane: Lane,
    giveUp: (why: string) => void,
  ) {
    this.partition = partition;
    this.#core = core;
    this.#member = member;
    this.#topics = topics;
    this.#lane = lane;
    this.#giveUp = giveUp;
  }

  /** Reads the snapshots, then the log to the end that is given, then its tail. */
  start(
    ends: ReadonlyMap<string, Ends>,
    committed: ReadonlyMap<string, ReadonlyMap<Partition, Committed>>,
  ): void {
    if (this.#lost !== undefined) return;
    for (const topic of this.#topics.inputs) {
      const start = committed.get(topic.spec.name)?.get(this.partition)?.offset ?? 0;
      const tracker = new ContiguousTracker(start);
      const { partition } = this;
      this.#inputs.set(topic.spec.name, {
        topic,
        partition,
        tracker,
        committed: start,
        cursor: undefined,
        start,
      });
    }
    const bounds = (topic: Topic) => ends.get(topic.spec.name)?.get(this.partition) ?? { low: 0, end: 0 };
    const snapshots = bounds(this.#topics.snapshots);
    const log = bounds(this.#topics.log);
    const restore = this.#read(this.#topics.snapshots, snapshots.low, {
      handle: (record) => this.#lane.snapshot(record),
      until: {
        offset: snapshots.end,
        reached: () => {
          this.#member.reader.drop(restore);
          this.#fold(log);
        },
      },
    });
  }

  #fold({ low, end }: { low: Offset; end: Offset }): void {
    const from = this.#lane.foldFrom();
    const start = from === "low" ? low : Math.min(Math.max(from, low), end);
    this.#log = this.#read(this.#topics.log, start, {
      handle: (record) => this.#lane.fold(record),
      until: { offset: end, reached: () => this.#lane.caughtUp(this) },
    });
  }

  takeInputs(): void {
    if (this.#lost !== undefined || this.#taking) return;
    this.#taking = true;
    for (const input of this.#inputs.values()) {
      input.cursor = this.#read(input.topic, input.start, {
        open: () => this.unhandled < this.#core.limits.maxUnhandled,
        handle: (record: BusRecord) => {
          input.tracker.take(record.offset);
          this.#lane.input(record);
        },
      });
    }
  }

  inputPosition(topic: string): Offset {
    const { cursor, start } = this.#input(topic);
    return cursor?.position ?? start;
  }

  get unhandled(): number {
    let pending = 0;
    for (const { tracker } of this.#inputs.values()) pending += tracker.pending;
    return pending;
  }

  done(topic: string, offset: Offset): void {
    if (this.#lost !== undefined) return;
    const full = this.unhandled >= this.#core.limits.maxUnhandled;
    if (!this.#input(topic).tracker.done(offset)) return;
    this.#member.committer.progressed();
    if (!full || this.unhandled >= this.#core.limits.maxUnhandled) return;
    for (const { cursor } of this.#inputs.values()) if (cursor) this.#member.reader.notify(cursor);
  }

  *progress(): Iterable<Progress> {
    yield* this.#inputs.values();
  }

  async guard(): Promise<void> {
    this.#mustBeMine();
    try {
      await this.#member.committer.flush(this.partition);
    } catch (error) {
      this.#mustBeMine();
      throw error;
    }
    // The group may have gone on to a generation in which the partition is another's: the commit says nothing then.
    this.#mustBeMine();
  }

  async append(records: LaneRecords): Promise<Offset[]> {
    this.#mustBeMine();
    if (this.#appending) throw new Error("an owner may have one append in flight: await the last one first");
    this.#appending = true;
    try {
      const offsets = await this.#append(this.#topics.log, records);
      this.#readBack(records, offsets);
      return offsets;
    } catch (error) {
      // It may have been stored all the same.
      if (this.#log) this.#member.reader.foreign(this.#log);
      throw error;
    } finally {
      this.#appending = false;
    }
  }

  #readBack(records: LaneRecords, offsets: readonly Offset[]): void {
    const log = this.#log;
    if (!log || this.#lost !== undefined) return;
    const time = this.#core.clock.now();
    const own = records.map(({ key, value, headers }, n): BusRecord => {
      const offset = offsets[n] ?? Number.NaN;
      return {
        topic: log.topic.spec.name,
        partition: this.partition,
        offset,
        key,
        value,
        headers: headers ?? {},
        time,
      };
    });
    this.#member.guarded(() => this.#member.reader.own(log, own));
  }

  async appendSnapshots(records: LaneRecords): Promise<Offset[]> {
    this.#mustBeMine();
    return this.#append(this.#topics.snapshots, records);
  }

  async inputEnd(topic: string): Promise<Offset> {
    this.#mustBeMine();
    const input = this.#input(topic);
    const ends = await this.#core.ask("asking for an input's end", () =>
      this.#core.lookups.ends([input.topic]),
    );
    this.#mustBeMine();
    return ends.get(topic)?.get(this.partition)?.end ?? 0;
  }

  abandon(why: string): void {
    if (this.#lost === undefined) this.#giveUp(why);
  }

  /** Ends the lane and tells it why. */
  lose(why: string): void {
    this.abort(why);
    this.#lane.lost(why);
  }

  /** Ends the lane without a word. */
  abort(why = "the member failed"): void {
    this.#lost ??= why;
    for (const cursor of this.#cursors) this.#member.reader.drop(cursor);
  }

  #read(...[topic, from, options]: [Topic, Offset, Parameters<Member["reader"]["read"]>[3]]): Cursor {
    const cursor = this.#member.reader.read(topic, this.partition, from, options);
    this.#cursors.push(cursor);
    return cursor;
  }

  #append(topic: Topic, records: LaneRecords): Promise<Offset[]> {
    const { partition } = this;
    return this.#core.append(records.map((record) => ({ ...record, topic: topic.spec.name, partition })));
  }

  #input(topic: string): Input {
    const input = this.#inputs.get(topic);
    if (!input) throw new TypeError(`"${topic}" is no input of this lane`);
    return input;
  }

  #mustBeMine(): void {
    if (this.#lost !== undefined) throw new LaneLost(`partition ${this.partition} was lost: ${this.#lost}`);
  }
}
