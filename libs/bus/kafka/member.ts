import type { Ends, Offset, Partition, Reading, Running } from "../port.ts";
import { Committer, type Progress } from "./committer.ts";
import { Coordinator } from "./coordinator.ts";
import type { Core, Participant } from "./core.ts";
import { isPassing } from "./errors.ts";
import { type GroupDuties, Membership } from "./membership.ts";
import { Reader } from "./reader.ts";
import type { Topic } from "./topics.ts";

/** How long last commits may take before the group shares out anew, or this member leaves. */
const LAST_COMMIT_MS = 1_000;

/** What a member does with what it holds. */
export interface Duties {
  held(): Iterable<Partition>;
  progress(): Iterable<Progress>;
  /** What is done is committed for the last time before the group shares out anew, or this member leaves. */
  rebalancing(): void;
  /** What it holds changed; `why` says why the missing ones are gone. */
  assign(held: ReadonlySet<Partition>, why: string): void;
  /** Ends all handling, without a word to the handlers. */
  abort(): void;
}

/** Who joins which group; `gatherMs` as in WorkOptions. */
export interface MemberOptions {
  group: string;
  member: string;
  gatherMs?: number | undefined;
}

/** Where a group reads a partition: its committed offset, or else the first stored; never outside of what is stored. */
export interface Committed {
  offset: Offset;
  note: string | null;
}

/** A member of a group: its membership, its commits, its reader; how it stops and how it fails. */
export class Member implements Participant, GroupDuties {
  readonly id: string;
  readonly failed: Promise<never>;
  readonly reader: Reader;
  readonly committer: Committer;
  readonly #core: Core;
  readonly #group: string;
  readonly #coordinator: Coordinator;
  readonly #membership: Membership;
  readonly #duties: Duties;
  readonly #topics: readonly Topic[];
  readonly #reject: (error: unknown) => void;
  #ending: Promise<void> | undefined;
  #failing = false;
  #ended = false;

  constructor(
    core: Core,
    { group, member: id, gatherMs }: MemberOptions,
    topics: readonly Topic[],
    duties: Duties,
  ) {
    this.id = id;
    this.#core = core;
    this.#group = group;
    this.#duties = duties;
    this.#topics = topics;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#reject = reject;
    const { clock, log, limits, ready } = core;
    // A join may wait for others as long as their session: the request must not end before.
    const cluster = core.openCluster(id, limits.sessionTimeoutMs + 2_000);
    const stored = topics.map((topic) => topic.stored);
    this.#coordinator = new Coordinator(cluster, `${core.prefix}${group}`, stored);
    const partitions = topics[0]?.spec.partitions ?? 0;
    const options = { clock, log, limits, topics: stored, partitions, ready };
    this.#membership = new Membership(this.#coordinator, options, this);
    const progress = () => duties.progress();
    this.committer = new Committer(
      this.#coordinator,
      this.#membership,
      core.reach,
      limits.commitEveryMs,
      progress,
    );
    this.reader = new Reader(core.readers, `${group}:${id}`, {
      failed: (error) => this.fail(error),
      gatherMs,
    });
  }

  start(): Running {
    this.#core.add(this);
    this.#membership.start();
    return { stop: () => this.stop(), failed: this.failed };
  }

  held(): Iterable<Partition> {
    return this.#duties.held();
  }

  *readings(): Iterable<Reading> {
    for (const { topic, partition, tracker } of this.#duties.progress())
      yield { reader: this.#group, topic: topic.spec.name, partition, next: tracker.next };
  }

  async rebalancing(): Promise<void> {
    this.#duties.rebalancing();
    await this.#lastCommit();
  }

  assigned(held: ReadonlySet<Partition>): void {
    this.#assign(held, "the group gave the partition to another member");
  }

  countedOut(why: string): void {
    this.#assign(new Set(), why);
  }

  /** Lets the group hand a partition that was given up out anew, a little later. */
  gaveUp(partition: Partition): void {
    this.#core.clock.after(this.#core.limits.abandonedMs, () => {
      if (!this.#ending && !new Set(this.#duties.held()).has(partition)) this.#membership.rejoin();
    });
  }

  /** Low and end of these topics, asked until they are answered; undefined if the member ends before. */
  async ends(topics: readonly Topic[]): Promise<Map<string, Ends> | undefined> {
    return this.#ask(() => this.#core.lookups.ends(topics));
  }

  /** Where the group reads these partitions of each of its topics, by topic and partition. */
  async committed(
    partitions: readonly Partition[],
    ends: ReadonlyMap<string, Ends>,
  ): Promise<Map<string, Map<Partition, Committed>> | undefined> {
    const { groupId } = this.#coordinator;
    const wanted = this.#topics.map(({ stored }) => ({
      topic: stored,
      partitions: partitions.map((partition) => ({ partition })),
    }));
    const answer = await this.#ask(() =>
      this.#coordinator.ask((b) => b.offsetFetch({ groupId, topics: wanted })),
    );
    if (!answer) return undefined;
    const names = new Map(this.#topics.map(({ stored, spec }) => [stored, spec.name]));
    return new Map(
      answer.responses.map(({ topic, partitions: offsets }) => {
        const name = names.get(topic) ?? topic;
        const bounds = ends.get(name);
        return [name, new Map(offsets.map((one) => [one.partition, within(bounds, one)]))];
      }),
    );
  }

  stop(): Promise<void> {
    this.#ending ??= this.#end(async (counted) => {
      this.#duties.rebalancing();
      if (counted) await this.#lastCommit();
      this.#assign(new Set(), "stopped");
      this.#duties.abort();
    });
    return this.#ending;
  }

  /** Ends by a fault, without a word to the handlers. */
  fail(error: unknown): void {
    if (this.#failing || this.#ended) return;
    this.#failing = true;
    this.#duties.abort();
    this.reader.close();
    this.#ending ??= this.#end(async () => {});
    this.#reject(error);
  }

  async #end(last: (counted: boolean) => Promise<void>): Promise<void> {
    await this.#membership.leave(last);
    this.#ended = true;
    this.committer.close();
    this.reader.close();
    this.#coordinator.close();
    this.#core.remove(this);
  }

  #assign(held: ReadonlySet<Partition>, why: string): void {
    this.guarded(() => this.#duties.assign(held, why));
  }

  /** Calls a handler: what it throws ends the member. */
  guarded(call: () => void): void {
    if (this.#failing) return;
    try {
      call();
    } catch (error) {
      this.fail(error);
    }
  }

  /** What cannot be committed now is another member's to do again. */
  async #lastCommit(): Promise<void> {
    const { log, reach } = this.#core;
    const commit = this.committer.flush();
    await reach.bounded("the last commit", commit, LAST_COMMIT_MS).catch((err) => {
      log.debug({ err, member: this.id }, "not all that was done is committed");
    });
  }

  /** Asks until it is answered, or the member ends (undefined). */
  async #ask<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const { reach } = this.#core;
    while (!this.#ending) {
      try {
        return await reach.within("asking for positions", ask);
      } catch (error) {
        if (isPassing(error)) continue;
        this.fail(error);
      }
    }
    return undefined;
  }
}

function within(
  bounds: Ends | undefined,
  { partition, offset, metadata }: { partition: Partition; offset: string; metadata: string | null },
): Committed {
  const { low = 0, end = 0 } = bounds?.get(partition) ?? {};
  const committed = Number(offset);
  if (committed < 0) return { offset: low, note: null };
  // A note tells how to go on at its offset; what is read first now stands elsewhere.
  const note = committed >= low && metadata?.startsWith("=") ? metadata.slice(1) : null;
  return { offset: Math.min(Math.max(committed, low), end), note };
}
