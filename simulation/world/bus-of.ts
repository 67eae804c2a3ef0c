import type { EmbeddedBus } from "@convergence/bus/embedded/open.ts";
import type {
  Bus,
  BusRecord,
  Done,
  Lane,
  Offset,
  Owner,
  Partition,
  WorkOptions,
} from "@convergence/bus/port.ts";
import type { Process } from "./process.ts";

/** What of a process' dealings with the bus the oracle looks at. */
export interface Dealings {
  /** Lanes that it holds, by group and partition; an owner from when it was caught up. */
  readonly lanes: Map<string, { partition: Partition; lane: Lane; owner: Owner | undefined }>;
  /** Records taken from work queues and not done. */
  readonly taken: Set<BusRecord>;
}

/** The bus as one process sees it: each call is one of its effects. */
export function busOf(process: Process, face: EmbeddedBus, dealings: Dealings): Bus {
  return {
    append: (records) => process.effect(`append ${records[0]?.topic ?? ""}`, () => face.append(records)),
    partitionOf: (topic, key) => face.partitionOf(topic, key),
    partitions: (topic) => face.partitions(topic),
    ends: (topic) => process.effect(`ask ends ${topic}`, () => face.ends(topic)),
    mark: (topic, partition, at) =>
      process.effect(`ask mark ${topic}`, () => face.mark(topic, partition, at)),
    own: (options, gained) =>
      process.effect(`join ${options.group}`, () =>
        face.own(options, (partition) =>
          watched(process, options, partition, gained(partition), dealings.lanes),
        ),
      ),
    view: (options, fold) => process.effect(`view ${options.topics.join()}`, () => face.view(options, fold)),
    work: (options, take) =>
      process.effect(`join ${options.group}`, () =>
        face.work(withoutLost(options, dealings.taken), (record, done) => {
          dealings.taken.add(record);
          take(record, handled(record, done, dealings.taken));
        }),
      ),
    dead: (record, error) => process.effect(`append ${record.topic}.dlq`, () => face.dead(record, error)),
    close: () => face.close(),
  };
}

/** What is not done when its partition moves on is another member's to take. */
function withoutLost(options: WorkOptions, taken: Set<BusRecord>): WorkOptions {
  return {
    ...options,
    assigned(partitions) {
      for (const record of taken) {
        const held = partitions.some(({ partition }) => partition === record.partition);
        if (record.topic === options.topic && !held) taken.delete(record);
      }
      options.assigned(partitions);
    },
  };
}

function handled(record: BusRecord, done: Done, taken: Set<BusRecord>): Done {
  return (note) => {
    taken.delete(record);
    done(note);
  };
}

/** A lane whose owner's effects are the process' too. */
function watched(
  process: Process,
  { group, log, snapshots }: { group: string; log: string; snapshots: string },
  partition: Partition,
  lane: Lane,
  lanes: Dealings["lanes"],
): Lane {
  const key = `${group}/${partition}`;
  const entry: { partition: Partition; lane: Lane; owner: Owner | undefined } = {
    partition,
    lane,
    owner: undefined,
  };
  lanes.set(key, entry);
  return {
    snapshot: (record) => lane.snapshot(record),
    foldFrom: () => lane.foldFrom(),
    fold: (record) => lane.fold(record),
    caughtUp(owner) {
      entry.owner = owner;
      lane.caughtUp(ownerOf(process, owner, log, snapshots));
    },
    input: (record) => lane.input(record),
    lost(why) {
      if (lanes.get(key) === entry) lanes.delete(key);
      lane.lost(why);
    },
  };
}

function ownerOf(process: Process, owner: Owner, log: string, snapshots: string): Owner {
  return {
    partition: owner.partition,
    guard: () => process.effect(`guard ${log}`, () => owner.guard()),
    append: (records): Promise<Offset[]> => process.effect(`append ${log}`, () => owner.append(records)),
    appendSnapshots: (records): Promise<Offset[]> =>
      process.effect(`append ${snapshots}`, () => owner.appendSnapshots(records)),
    inputEnd: (topic) => process.effect(`ask end ${topic}`, () => owner.inputEnd(topic)),
    inputPosition: (topic) => owner.inputPosition(topic),
    takeInputs: () => owner.takeInputs(),
    done: (topic, offset) => owner.done(topic, offset),
    get unhandled() {
      return owner.unhandled;
    },
    abandon: (why) => owner.abandon(why),
  };
}
