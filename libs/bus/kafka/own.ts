import type { Lane, OwnOptions, Partition, Running } from "../port.ts";
import type { Progress } from "./committer.ts";
import type { Core } from "./core.ts";
import { LaneRun, type LaneTopics } from "./lane-run.ts";
import { type Duties, Member } from "./member.ts";

type Gained = (partition: Partition) => Lane;

/** Joins a group of owners: see Bus.own. */
export function startOwn(core: Core, options: OwnOptions, gained: Gained): Running {
  return new Own(core, options, laneTopics(core, options), gained).start();
}

/** @throws TypeError unless all topics of a lane have the same partition count. */
function laneTopics(core: Core, options: OwnOptions): LaneTopics {
  const topic = (name: string) => core.topics.get(name);
  const topics = {
    log: topic(options.log),
    snapshots: topic(options.snapshots),
    inputs: options.inputs.map(topic),
  };
  const all = [topics.log, topics.snapshots, ...topics.inputs];
  const counts = all.map(({ spec }) => spec.partitions);
  if (counts.some((count) => count !== counts[0])) {
    const names = all.map(({ spec }) => spec.name).join(", ");
    throw new TypeError(`${names} must have the same partition count to be owned together: ${counts}`);
  }
  return topics;
}

/** The lanes of one member. */
class Own implements Duties {
  readonly #core: Core;
  readonly #topics: LaneTopics;
  readonly #gained: Gained;
  readonly #member: Member;
  readonly #lanes = new Map<Partition, LaneRun>();

  constructor(core: Core, options: OwnOptions, topics: LaneTopics, gained: Gained) {
    this.#core = core;
    this.#topics = topics;
    this.#gained = gained;
    this.#member = new Member(core, options, topics.inputs, this);
  }

  start(): Running {
    return this.#member.start();
  }

  held(): Iterable<Partition> {
    return this.#lanes.keys();
  }

  /** Lanes go on meanwhile: what comes twice they tell by what they folded. */
  rebalancing(): void {}

  assign(held: ReadonlySet<Partition>, why: string): void {
    for (const [partition, run] of [...this.#lanes]) {
      if (held.has(partition)) continue;
      this.#lanes.delete(partition);
      run.lose(why);
    }
    const fresh = [...held].filter((partition) => !this.#lanes.has(partition)).map((p) => this.#gain(p));
    if (fresh.length > 0) void this.#restore(fresh);
  }

  *progress(): Iterable<Progress> {
    for (const run of this.#lanes.values()) yield* run.progress();
  }

  abort(): void {
    for (const run of this.#lanes.values()) run.abort();
    this.#lanes.clear();
  }

  #gain(partition: Partition): LaneRun {
    const giveUp = (why: string) => this.#giveUp(partition, run, why);
    const run = new LaneRun(
      this.#core,
      this.#member,
      this.#topics,
      partition,
      this.#gained(partition),
      giveUp,
    );
    this.#lanes.set(partition, run);
    return run;
  }

  #giveUp(partition: Partition, run: LaneRun, why: string): void {
    if (this.#lanes.get(partition) !== run) return;
    this.#lanes.delete(partition);
    run.lose(why);
    this.#member.gaveUp(partition);
  }

  async #restore(runs: readonly LaneRun[]): Promise<void> {
    const { log, snapshots, inputs } = this.#topics;
    const ends = await this.#member.ends([log, snapshots, ...inputs]);
    if (!ends) return;
    const committed = await this.#member.committed(
      runs.map(({ partition }) => partition),
      ends,
    );
    if (!committed) return;
    for (const run of runs) run.start(ends, committed);
  }
}
