import { stickyAssignment } from "../assignment.ts";
import type { Offset, Partition } from "../port.ts";
import type { Appender } from "./appender.ts";
import type { Client } from "./client.ts";
import type { Position } from "./store.ts";

/** A group's member as its coordinator sees it. */
export interface Seat {
  readonly id: string;
  readonly client: Client;
  /** The generation that this member has learnt of. */
  generation: number;
  /** What it holds, as far as it knows. */
  held: ReadonlySet<Partition>;
  /** Told of each new generation: what it holds from now on. */
  assign(held: ReadonlySet<Partition>): void;
}

/** The next offset to read, and the reader's note. */
export interface Committed {
  readonly offset: Offset;
  readonly note: string | null;
}

/** The coordinator of one group: who belongs to it, who holds what, and how far it has come. */
export class Group {
  readonly name: string;
  readonly topics: readonly string[];
  readonly #partitions: number;
  readonly #appender: Appender;
  readonly #defer: (run: () => void) => void;
  readonly #committed = new Map<string, Committed>();
  #seats: Seat[] = [];
  #generation = 0;
  /** A change that no generation reflects yet. */
  #changed = false;
  #scheduled = false;

  constructor(
    name: string,
    topics: readonly string[],
    partitions: number,
    appender: Appender,
    defer: (run: () => void) => void,
  ) {
    this.name = name;
    this.topics = topics;
    this.#partitions = partitions;
    this.#appender = appender;
    this.#defer = defer;
  }

  /** Takes over a committed offset from the file. */
  restore(position: Position): void {
    this.#committed.set(`${position.topic}/${position.partition}`, position);
  }

  join(seat: Seat): void {
    this.#seats.push(seat);
    this.#changed = true;
    this.rebalance();
  }

  leave(seat: Seat): void {
    if (!this.#seats.includes(seat)) return;
    this.#seats = this.#seats.filter((other) => other !== seat);
    this.#changed = true;
    this.rebalance();
  }

  has(member: string): boolean {
    return this.#seats.some((seat) => seat.id === member && !seat.client.dropped);
  }

  /** Whether this member belongs to the present generation. */
  counts(seat: Seat): boolean {
    return seat.generation === this.#generation && this.#seats.includes(seat);
  }

  committed(topic: string, partition: Partition): Committed | undefined {
    return this.#committed.get(`${topic}/${partition}`);
  }

  /** Commits the next offset to read; refused (false) from a member that is not of the present generation. */
  commit(seat: Seat, topic: string, partition: Partition, committed: Committed): boolean {
    if (!this.counts(seat)) return false;
    this.#committed.set(`${topic}/${partition}`, committed);
    this.#appender.position({ group: this.name, topic, partition, ...committed });
    return true;
  }

  /** Lets the group hand out anew what a member gave up. */
  release(seat: Seat): void {
    if (!this.#seats.includes(seat)) return;
    this.#changed = true;
    this.rebalance();
  }

  /**
   * Shares the partitions out anew if need be, once for all changes of one turn. It waits for members that are
   * silent: they come back or their session ends (Kafka's coordinator waits too), and either calls this again.
   */
  rebalance(): void {
    if (!this.#changed || this.#scheduled) return;
    this.#scheduled = true;
    this.#defer(() => {
      this.#scheduled = false;
      if (this.#changed && this.#seats.every((seat) => seat.client.running)) this.#share();
    });
  }

  #share(): void {
    this.#changed = false;
    this.#generation++;
    const seats = this.#seats;
    const shares = stickyAssignment(
      this.#partitions,
      seats.map((seat, i) => ({ id: String(i), had: seat.held })),
    );
    const plan = seats.map((seat, i) => ({ seat, held: shares.get(String(i)) ?? new Set<Partition>() }));
    for (const { seat } of plan) seat.generation = this.#generation;
    // Partitions only ever move to members that joined later, so each is given up before another has it.
    for (const { seat, held } of plan) if (this.counts(seat)) seat.assign(held);
  }
}

/** All groups of a bus. */
export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #stored: Position[];
  readonly #appender: Appender;
  readonly #defer: (run: () => void) => void;

  constructor(stored: Position[], appender: Appender, defer: (run: () => void) => void) {
    this.#stored = stored;
    this.#appender = appender;
    this.#defer = defer;
  }

  /** @throws TypeError when the group reads other topics already. */
  get(name: string, topics: readonly string[], partitions: number): Group {
    const known = this.#groups.get(name);
    if (known) {
      if (known.topics.join() !== topics.join()) {
        throw new TypeError(
          `group "${name}" reads ${known.topics.join()}, so it cannot read ${topics.join()} too`,
        );
      }
      return known;
    }
    const group = new Group(name, topics, partitions, this.#appender, this.#defer);
    for (const position of this.#stored) if (position.group === name) group.restore(position);
    this.#groups.set(name, group);
    return group;
  }
}
