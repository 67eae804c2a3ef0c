import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { ContiguousTracker } from "../contiguous.ts";
import { BusUnavailable, LaneLost, type Offset, type Partition } from "../port.ts";
import type { Coordinator, OffsetToCommit } from "./coordinator.ts";
import { errorType, isPassing } from "./errors.ts";
import type { Membership } from "./membership.ts";
import type { Reach } from "./reach.ts";
import type { Topic } from "./topics.ts";

/** How far a member has come in one partition. */
export interface Progress {
  topic: Topic;
  partition: Partition;
  tracker: ContiguousTracker;
  committed: Offset;
}

interface Waiter {
  /** A partition that is committed even if nothing new is done there. */
  must: Partition | undefined;
  deadline: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Commits what is done, off the hot path: on a timer, and one request at a time, so that an offset never goes back.
 * A note rides in the commit's metadata: "=" and the note; empty where there is none.
 */
export class Committer {
  readonly #coordinator: Coordinator;
  readonly #membership: Membership;
  readonly #reach: Reach;
  readonly #everyMs: number;
  readonly #progress: () => Iterable<Progress>;
  #waiters: Waiter[] = [];
  #timer: Timer | undefined;
  #committing = false;
  #closed = false;

  constructor(
    coordinator: Coordinator,
    membership: Membership,
    reach: Reach,
    everyMs: number,
    progress: () => Iterable<Progress>,
  ) {
    this.#coordinator = coordinator;
    this.#membership = membership;
    this.#reach = reach;
    this.#everyMs = everyMs;
    this.#progress = progress;
  }

  get #clock(): Clock {
    return this.#reach.clock;
  }

  /** Something was done: commit soon. */
  progressed(): void {
    if (this.#closed) return;
    this.#timer ??= this.#clock.after(this.#everyMs, () => {
      this.#timer = undefined;
      // What is not committed now is at the next chance; a member that was counted out learns it elsewhere.
      this.flush().catch(() => {});
    });
  }

  /**
   * Commits what is done by now, and where `must` is given that partition's offsets even if they are committed:
   * resolves once the group took that, under the generation of that moment.
   * @throws LaneLost when the group went on without this member; BusUnavailable when it cannot be asked in time.
   */
  flush(must?: Partition): Promise<void> {
    if (this.#closed) return Promise.reject(new BusUnavailable("the member has stopped"));
    const asked = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ must, deadline: this.#clock.now() + this.#reach.withinMs, resolve, reject });
    });
    void this.#run();
    return this.#reach.bounded("asking the group", asked);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.clear();
  }

  async #run(): Promise<void> {
    if (this.#committing) return;
    this.#committing = true;
    while (this.#waiters.length > 0) {
      const waiters = this.#waiters.splice(0);
      try {
        await this.#commit(waiters);
        for (const { resolve } of waiters) resolve();
      } catch (error) {
        for (const { reject } of waiters) reject(error);
      }
    }
    this.#committing = false;
  }

  /** One commit under one standing; again after a rebalance or a failure that passes, until the time is over. */
  async #commit(waiters: readonly Waiter[]): Promise<void> {
    const deadline = Math.max(...waiters.map((waiter) => waiter.deadline));
    const left = () => Math.max(0, deadline - this.#clock.now());
    for (;;) {
      const standing = await this.#reach.bounded("joining the group", this.#membership.standing(), left());
      const must = new Set(waiters.map((waiter) => waiter.must));
      const due = [...this.#progress()]
        .map((progress) => ({ progress, offset: progress.tracker.next, note: progress.tracker.note }))
        .filter(({ progress, offset }) => offset > progress.committed || must.has(progress.partition));
      if (due.length === 0) return;
      const topics = toCommit(due);
      const { groupId } = this.#coordinator;
      const { memberId, generation } = standing;
      try {
        await this.#coordinator.ask((broker) =>
          broker.offsetCommit({ groupId, groupGenerationId: generation, memberId, topics }),
        );
        for (const { progress, offset } of due) progress.committed = Math.max(progress.committed, offset);
        return;
      } catch (error) {
        const meaning = this.#membership.refused(standing, error);
        const type = errorType(error);
        if (meaning === "lost") {
          throw new LaneLost(`the group went on without this member (${type})`, { cause: error });
        }
        if (meaning === "other" && type !== "REBALANCE_IN_PROGRESS" && !isPassing(error)) throw error;
        if (left() === 0)
          throw new BusUnavailable("the group did not take the commit in time", { cause: error });
        this.#membership.check();
        await new Promise<void>((resolve) => this.#clock.after(20, resolve));
      }
    }
  }
}

function toCommit(
  due: readonly { progress: Progress; offset: Offset; note: string | null }[],
): OffsetToCommit[] {
  const topics = new Map<string, OffsetToCommit["partitions"]>();
  for (const { progress, offset, note } of due) {
    const partitions = topics.get(progress.topic.stored) ?? [];
    topics.set(progress.topic.stored, partitions);
    const metadata = note === null ? "" : `=${note}`;
    partitions.push({ partition: progress.partition, offset: String(offset), metadata });
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
