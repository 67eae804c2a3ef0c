import { ContiguousTracker } from "../contiguous.ts";
import type { BusRecord, Done, Offset, Partition, Running, WorkOptions } from "../port.ts";
import type { Client } from "./client.ts";
import type { Core } from "./core.ts";
import type { Cursor } from "./cursor.ts";
import type { Group } from "./group.ts";
import { type Duties, Member, type Progress } from "./member.ts";
import { Reader } from "./reader.ts";

const DEFAULT_MAX_IN_FLIGHT = 1_000;

const MAX_NOTE_LENGTH = 1_000;

type Take = (record: BusRecord, done: Done) => void;

interface Share extends Progress {
  cursor: Cursor;
}

/** Joins a work group: see Bus.work. */
export function startWork(core: Core, client: Client, options: WorkOptions, take: Take): Running {
  const topic = core.topics.get(options.topic);
  const group = core.groups.get(options.group, [options.topic], topic.spec.partitions);
  return new Work(core, client, group, options, take).start();
}

/** What one member of a work group holds. */
class Work implements Duties {
  readonly #core: Core;
  readonly #group: Group;
  readonly #options: WorkOptions;
  readonly #take: Take;
  readonly #member: Member;
  readonly #reader: Reader;
  readonly #maxInFlight: number;
  readonly #shares = new Map<Partition, Share>();
  #inFlight = 0;

  constructor(core: Core, client: Client, group: Group, options: WorkOptions, take: Take) {
    this.#core = core;
    this.#group = group;
    this.#options = options;
    this.#take = take;
    this.#maxInFlight = options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT;
    this.#member = new Member(core, client, group, options.member, this);
    const name = `work:${options.group}:${options.member}`;
    this.#reader = new Reader(core.readers, client, name, (error) => this.#member.fail(error));
  }

  start(): Running {
    this.#member.join();
    return this.#member.running();
  }

  assign(held: ReadonlySet<Partition>): void {
    const lost = [...this.#shares.keys()].filter((p) => !held.has(p));
    const gained = [...held].filter((p) => !this.#shares.has(p));
    for (const partition of lost) this.#lose(partition);
    for (const partition of gained) this.#gain(partition);
    if (lost.length + gained.length > 0) this.#options.assigned(this.#assignment());
  }

  #assignment(): { partition: Partition; note: string | null }[] {
    return [...this.#shares.values()]
      .map(({ partition, tracker }) => ({ partition, note: tracker.note }))
      .sort((a, b) => a.partition - b.partition);
  }

  progress(): Iterable<Progress> {
    return this.#shares.values();
  }

  abort(): void {
    this.#reader.close();
    this.#shares.clear();
  }

  #gain(partition: Partition): void {
    const log = this.#core.topics.log(this.#options.topic, partition);
    const committed = this.#group.committed(log.topic, partition);
    const cursor = this.#reader.read(log, committed?.offset ?? log.low, {
      open: () => this.#inFlight < this.#maxInFlight,
      handle: (record) => this.#hand(share, record),
    });
    const tracker = new ContiguousTracker(cursor.position, committed?.note);
    const share = { topic: log.topic, partition, tracker, committed: cursor.position, cursor };
    this.#shares.set(partition, share);
  }

  #lose(partition: Partition): void {
    const share = this.#shares.get(partition);
    if (!share) return;
    this.#shares.delete(partition);
    this.#reader.drop(share.cursor);
    this.#free(share.tracker.pending);
  }

  #hand(share: Share, record: BusRecord): void {
    share.tracker.take(record.offset);
    this.#inFlight++;
    this.#take(record, (note) => this.#done(share, record.offset, note));
  }

  /** Once the partition is lost, what was taken from it is another member's to do. */
  #done(share: Share, offset: Offset, note: string | undefined): void {
    if (note !== undefined && note.length > MAX_NOTE_LENGTH) {
      throw new RangeError(`a note has at most ${MAX_NOTE_LENGTH} characters, not ${note.length}`);
    }
    if (this.#shares.get(share.partition) !== share || !share.tracker.done(offset, note)) return;
    this.#free(1);
    this.#member.progressed();
  }

  #free(records: number): void {
    const full = this.#inFlight >= this.#maxInFlight;
    this.#inFlight -= records;
    if (full && this.#inFlight < this.#maxInFlight) {
      for (const { cursor } of this.#shares.values()) cursor.notify();
    }
  }
}
