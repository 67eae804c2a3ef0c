import type { Lane, OwnOptions, Partition, Running } from "../port.ts";
import type { Client } from "./client.ts";
import type { Core } from "./core.ts";
import type { Group } from "./group.ts";
import { LaneRun } from "./lane-run.ts";
import { type Duties, Member, type Progress } from "./member.ts";

type Gained = (partition: Partition) => Lane;

/** Joins a group of owners: see Bus.own. */
export function startOwn(core: Core, client: Client, options: OwnOptions, gained: Gained): Running {
  const partitions = coPartitioned(core, options);
  const group = core.groups.get(options.group, options.inputs, partitions);
  return new Own(core, client, group, options, gained).start();
}

/** The partition count that all topics of a lane share. */
function coPartitioned(core: Core, options: OwnOptions): number {
  const names = [options.log, options.snapshots, ...options.inputs];
  const counts = names.map((name) => core.topics.get(name).spec.partitions);
  const partitions = counts[0] ?? 0;
  if (counts.some((count) => count !== partitions)) {
    throw new TypeError(
      `${names.join(", ")} must have the same partition count to be owned together: ${counts}`,
    );
  }
  return partitions;
}

/** The lanes of one member. */
class Own implements Duties {
  readonly #core: Core;
  readonly #group: Group;
  readonly #options: OwnOptions;
  readonly #gained: Gained;
  readonly #member: Member;
  readonly #lanes = new Map<Partition, LaneRun>();

  constructor(core: Core, client: Client, group: Group, options: OwnOptions, gained: Gained) {
    this.#core = core;
    this.#group = group;
    this.#options = options;
    this.#gained = gained;
    this.#member = new Member(core, client, group, options.member, this);
  }

  start(): Running {
    this.#member.join();
    return this.#member.running();
  }

  assign(held: ReadonlySet<Partition>, why: string): void {
    for (const [partition, lane] of [...this.#lanes]) {
      if (held.has(partition)) continue;
      this.#lanes.delete(partition);
      lane.lose(why);
    }
    for (const partition of held) {
      if (this.#lanes.has(partition)) continue;
      const lane = this.#gained(partition);
      const run = new LaneRun(this.#core, this.#member, this.#group, this.#options, partition, lane);
      this.#lanes.set(partition, run);
      run.start();
    }
  }

  *progress(): Iterable<Progress> {
    for (const lane of this.#lanes.values()) yield* lane.progress();
  }

  abort(): void {
    for (const lane of this.#lanes.values()) lane.abort();
    this.#lanes.clear();
  }
}
