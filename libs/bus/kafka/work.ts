import { ContiguousTracker } from "../contiguous.ts";
import type { BusRecord, Done, Offset, Partition, Running, WorkOptions } from "../port.ts";
import type { Progress } from "./committer.ts";
import type { Core } from "./core.ts";
import type { Cursor } from "./cursor.ts";
import { type Duties, Member } from "./member.ts";
import type { Topic } from "./topics.ts";

const DEFAULT_MAX_IN_FLIGHT = 1_000;

const MAX_NOTE_LENGTH = 1_000;

type Take = (record: BusRecord, done: Done) => void;

interface Share extends Progress {
  cursor: Cursor;
}

/** Joins a work group: see Bus.work. */
export function startWork(core: Core, options: WorkOptions, take: Take): Running {
  return new Work(core, options, core.topics.get(options.topic), take).start();
}

/** What one member of a work group holds. */
class Work implements Duties {
  readonly #options: WorkOptions;
  readonly #topic: Topic;
  readonly #take: Take;
  readonly #member: Member;
  readonly #maxInFlight: number;
  readonly #shares = new Map<Partition, Share>();
  /** What the group gave this member; shares follow once their positions are known. */
  #given: ReadonlySet<Partition> = new Set();
  #rebalancing = false;
  #inFlight = 0;

  constructor(core: Core, options: WorkOptions, topic: Topic, take: Take) {
    this.#options = options;
    this.#topic = topic;
    this.#take = take;
    this.#maxInFlight = options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT;
    this.#member = new Member(core, options, [topic], this);
  }

  start(): Running {
    return this.#member.start();
  }

  held(): Iterable<Partition> {
    return this.#given;
  }

  /** What is taken from now on could not be committed before a partition goes: it would be taken twice. */
  rebalancing(): void {
    this.#rebalancing = true;
  }

  assign(held: ReadonlySet<Partition>): void {
    this.#rebalancing = false;
    this.#given = held;
    const lost = [...this.#shares.values()].filter(({ partition }) => !held.has(partition));
    const gained = [...held].filter((partition) => !this.#shares.has(partition));
    for (const share of lost) this.#lose(share);
    if (lost.length > 0) this.#options.assigned(this.#assignment());
    if (gained.length > 0) void this.#gain(gained, held);
    this.#goOn();
  }

  progress(): Iterable<Progress> {
    return this.#shares.values();
  }

  abort(): void {
    this.#given = new Set();
    for (const { cursor } of this.#shares.values()) this.#member.reader.drop(cursor);
    this.#shares.clear();
  }

  async #gain(partitions: readonly Partition[], given: ReadonlySet<Partition>): Promise<void> {
    const ends = await this.#member.ends([this.#topic]);
    const committed = ends && (await this.#member.committed(partitions, ends));
    // Another assignment asks for itself.
    if (!committed || this.#given !== given) return;
    for (const [partition, { offset, note }] of committed.get(this.#topic.spec.name) ?? []) {
      this.#open(partition, offset, note);
    }
    this.#member.guarded(() => this.#options.assigned(this.#assignment()));
  }

  #open(partition: Partition, offset: Offset, note: string | null): void {
    const cursor = this.#member.reader.read(this.#topic, partition, offset, {
      open: () => !this.#rebalancing && this.#inFlight < this.#maxInFlight,
      handle: (record) => this.#hand(share, record),
    });
    const tracker = new ContiguousTracker(offset, note);
    const share: Share = { topic: this.#topic, partition, tracker, committed: offset, cursor };
    this.#shares.set(partition, share);
  }

  #assignment(): { partition: Partition; note: string | null }[] {
    return [...this.#shares.values()]
      .map(({ partition, tracker }) => ({ partition, note: tracker.note }))
      .sort((a, b) => a.partition - b.partition);
  }

  #lose(share: Share): void {
    this.#shares.delete(share.partition);
    this.#member.reader.drop(share.cursor);
    this.#inFlight -= share.tracker.pending;
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
    const full = this.#inFlight >= this.#maxInFlight;
    this.#inFlight--;
    this.#member.committer.progressed();
    if (full) this.#goOn();
  }

  #goOn(): void {
    for (const { cursor } of this.#shares.values()) this.#member.reader.notify(cursor);
  }
}
