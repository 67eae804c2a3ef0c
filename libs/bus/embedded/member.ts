import type { Timer } from "@convergence/runtime/clock.ts";
import type { ContiguousTracker } from "../contiguous.ts";
import type { Offset, Partition, Reading, Running } from "../port.ts";
import type { Client, Participant } from "./client.ts";
import type { Core } from "./core.ts";
import type { Group, Seat } from "./group.ts";

/** How far a member has come in one partition. */
export interface Progress {
  topic: string;
  partition: Partition;
  tracker: ContiguousTracker;
  committed: Offset;
}

/** What a member does with what it holds. */
export interface Duties {
  /** What it holds changed; `why` says why the missing ones are gone. */
  assign(held: ReadonlySet<Partition>, why: string): void;
  progress(): Iterable<Progress>;
  /** Ends all reading, without a word to the handlers. */
  abort(): void;
}

/** A member's life in its group: joining, committing, expiring, learning that, leaving. */
export class Member implements Participant, Seat {
  readonly id: string;
  readonly client: Client;
  readonly failed: Promise<never>;
  generation = 0;
  held: ReadonlySet<Partition> = new Set();
  readonly #core: Core;
  readonly #group: Group;
  readonly #duties: Duties;
  readonly #reject: (error: unknown) => void;
  #state: "in" | "expired" | "out" = "out";
  #commitTimer: Timer | undefined;
  #learnTimer: Timer | undefined;

  constructor(core: Core, client: Client, group: Group, id: string, duties: Duties) {
    this.id = id;
    this.client = client;
    this.#core = core;
    this.#group = group;
    this.#duties = duties;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#reject = reject;
  }

  /** Asks to join; partitions come later. */
  join(): void {
    if (this.#group.has(this.id)) {
      throw new TypeError(`group "${this.#group.name}" has a living member "${this.id}" already`);
    }
    this.#state = "in";
    this.client.add(this);
    this.#group.join(this);
  }

  running(): Running {
    const stop = () => (this.#state === "out" ? Promise.resolve() : this.client.through(() => this.stop()));
    return { stop, failed: this.failed };
  }

  *readings(): Iterable<Reading> {
    for (const { topic, partition, tracker } of this.#duties.progress())
      yield { reader: this.#group.name, topic, partition, next: tracker.next };
  }

  /** Whether the group still counts this member in its present generation. */
  counts(): boolean {
    return this.#group.counts(this);
  }

  assign(held: ReadonlySet<Partition>): void {
    if (this.#state !== "in") return;
    this.#commit();
    this.#hold(held, "the group gave the partition to another member");
  }

  /** Something was done: commit soon. */
  progressed(): void {
    if (this.#commitTimer || this.#state === "out") return;
    this.#commitTimer = this.#core.clock.after(this.#core.limits.commitEveryMs, () => this.#commit());
  }

  /** Gives one partition up; the group hands it out after a while, perhaps to this member again. */
  giveUp(partition: Partition, why: string): void {
    this.#commit();
    this.#hold(new Set([...this.held].filter((p) => p !== partition)), why);
    this.#core.clock.after(this.#core.limits.abandonedMs, () => this.#group.release(this));
  }

  /** This member finds that the group went on without it: it gives up all and joins anew. */
  learnExpired(): void {
    this.#learnTimer?.clear();
    if (this.#state !== "expired" || !this.client.running) return;
    this.#state = "in";
    this.#hold(new Set(), "the session expired");
    this.#group.join(this);
  }

  async stop(): Promise<void> {
    if (this.#state === "out") return;
    this.#commit();
    this.#leave();
    this.#hold(new Set(), "stopped");
    this.#duties.abort();
    await this.#core.appender.stored();
  }

  /** Ends by a fault. */
  fail(error: unknown): void {
    if (this.#state === "out") return;
    this.#leave();
    this.#duties.abort();
    this.#reject(error);
  }

  resumed(): void {
    if (this.#state === "in") {
      this.progressed();
      this.#group.rebalance();
    } else if (this.#state === "expired") {
      this.#learnTimer?.clear();
      this.#learnTimer = this.#core.clock.after(this.#core.limits.zombieMs, () => this.learnExpired());
    }
  }

  dropped(): void {
    this.#commitTimer?.clear();
    this.#learnTimer?.clear();
  }

  expired(): void {
    if (this.#state !== "in") return;
    this.#state = "expired";
    this.#group.leave(this);
  }

  #leave(): void {
    this.#state = "out";
    this.#commitTimer?.clear();
    this.#learnTimer?.clear();
    this.client.remove(this);
    this.#group.leave(this);
  }

  #hold(held: ReadonlySet<Partition>, why: string): void {
    this.held = held;
    try {
      this.#duties.assign(held, why);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Commits what is done; a member that the group does not count any more commits nothing. */
  #commit(): void {
    this.#commitTimer?.clear();
    this.#commitTimer = undefined;
    if (!this.client.running) return;
    for (const progress of this.#duties.progress()) {
      const { next: offset, note } = progress.tracker;
      if (offset <= progress.committed) continue;
      const taken = this.#group.commit(this, progress.topic, progress.partition, { offset, note });
      if (taken) progress.committed = offset;
    }
  }
}
