import { ContiguousTracker } from "../contiguous.ts";
import {
  type BusRecord,
  type Lane,
  LaneLost,
  type Offset,
  type OutRecord,
  type Owner,
  type OwnOptions,
  type Partition,
} from "../port.ts";
import type { Core } from "./core.ts";
import type { Cursor } from "./cursor.ts";
import type { Group } from "./group.ts";
import type { PartitionLog } from "./log.ts";
import type { Member, Progress } from "./member.ts";
import { Reader } from "./reader.ts";

interface Input extends Progress {
  cursor: Cursor;
}

/** One owned partition: restores its lane, then feeds it. Also the lane's hands. */
export class LaneRun implements Owner {
  readonly partition: Partition;
  readonly #core: Core;
  readonly #member: Member;
  readonly #group: Group;
  readonly #options: OwnOptions;
  readonly #lane: Lane;
  readonly #reader: Reader;
  readonly #inputs = new Map<string, Input>();
  #appending = false;
  #lost: string | undefined;

  constructor(
    core: Core,
    member: Member,
    group: Group,
    options: OwnOptions,
    partition: Partition,
    lane: Lane,
  ) {
    this.partition = partition;
    this.#core = core;
    this.#member = member;
    this.#group = group;
    this.#options = options;
    this.#lane = lane;
    const name = `own:${options.group}:${member.id}:${partition}`;
    this.#reader = new Reader(core.readers, member.client, name, (error) => member.fail(error));
  }

  /** Reads the snapshots, then the log to the end that it has now, then its tail. */
  start(): void {
    const snapshots = this.#log(this.#options.snapshots);
    const log = this.#log(this.#options.log);
    const logEnd = log.end;
    const restore = this.#reader.read(snapshots, snapshots.low, {
      handle: (record) => this.#lane.snapshot(record),
      until: {
        offset: snapshots.end,
        reached: () => {
          this.#reader.drop(restore);
          this.#fold(log, logEnd);
        },
      },
    });
  }

  #fold(log: PartitionLog, end: Offset): void {
    const from = this.#lane.foldFrom();
    this.#reader.read(log, from === "low" ? log.low : from, {
      handle: (record) => this.#lane.fold(record),
      until: { offset: end, reached: () => this.#lane.caughtUp(this) },
    });
  }

  takeInputs(): void {
    if (this.#lost !== undefined || this.#inputs.size > 0) return;
    for (const topic of this.#options.inputs) this.#takeInput(this.#log(topic));
  }

  #takeInput(log: PartitionLog): void {
    const cursor = this.#reader.read(log, this.#committed(log), {
      open: () => this.unhandled < this.#core.limits.maxUnhandled,
      handle: (record: BusRecord) => {
        input.tracker.take(record.offset);
        this.#lane.input(record);
      },
    });
    const tracker = new ContiguousTracker(cursor.position);
    const input = { topic: log.topic, partition: log.partition, tracker, committed: cursor.position, cursor };
    this.#inputs.set(log.topic, input);
  }

  inputPosition(topic: string): Offset {
    const input = this.#inputs.get(topic);
    if (input) return input.cursor.position;
    const log = this.#log(topic);
    return Math.min(Math.max(this.#committed(log), log.low), log.end);
  }

  #committed(log: PartitionLog): Offset {
    return this.#group.committed(log.topic, log.partition)?.offset ?? log.low;
  }

  get unhandled(): number {
    let pending = 0;
    for (const { tracker } of this.#inputs.values()) pending += tracker.pending;
    return pending;
  }

  done(topic: string, offset: Offset): void {
    if (this.#lost !== undefined) return;
    const input = this.#inputs.get(topic);
    if (!input) throw new TypeError(`"${topic}" is not an input of this lane, or inputs are not taken yet`);
    const full = this.unhandled >= this.#core.limits.maxUnhandled;
    if (!input.tracker.done(offset)) return;
    this.#member.progressed();
    if (full) for (const { cursor } of this.#inputs.values()) cursor.notify();
  }

  progress(): Iterable<Progress> {
    return this.#inputs.values();
  }

  guard(): Promise<void> {
    return this.#member.client.through(async () => {
      this.#mustBeMine();
      this.#core.reach(this.#member.client);
      if (this.#member.counts()) return;
      this.#member.learnExpired();
      throw new LaneLost(`partition ${this.partition}: the group went on without "${this.#member.id}"`);
    });
  }

  append(records: Pick<OutRecord, "key" | "value" | "headers">[]): Promise<Offset[]> {
    return this.#member.client.through(async () => {
      this.#mustBeMine();
      if (this.#appending)
        throw new Error("an owner may have one append in flight: await the last one first");
      this.#appending = true;
      try {
        return await this.#append(this.#options.log, records);
      } finally {
        this.#appending = false;
      }
    });
  }

  appendSnapshots(records: Pick<OutRecord, "key" | "value">[]): Promise<Offset[]> {
    return this.#member.client.through(async () => {
      this.#mustBeMine();
      return this.#append(this.#options.snapshots, records);
    });
  }

  inputEnd(topic: string): Promise<Offset> {
    return this.#member.client.through(async () => {
      this.#mustBeMine();
      this.#core.reach(this.#member.client);
      return this.#log(topic).end;
    });
  }

  abandon(why: string): void {
    if (this.#lost === undefined) this.#member.giveUp(this.partition, why);
  }

  /** Ends the lane and tells it why. */
  lose(why: string): void {
    this.abort(why);
    this.#lane.lost(why);
  }

  /** Ends the lane without a word. */
  abort(why = "the member failed"): void {
    this.#lost ??= why;
    this.#reader.close();
  }

  #append(topic: string, records: Pick<OutRecord, "key" | "value" | "headers">[]): Promise<Offset[]> {
    const { client } = this.#member;
    const out = records.map((record) => ({ ...record, topic, partition: this.partition }));
    return this.#core.append(client, out);
  }

  #mustBeMine(): void {
    if (this.#lost !== undefined) throw new LaneLost(`partition ${this.partition} was lost: ${this.#lost}`);
  }

  #log(topic: string): PartitionLog {
    return this.#core.topics.log(topic, this.partition);
  }
}
