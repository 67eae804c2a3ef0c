import type { EmbeddedBus } from "@convergence/bus/embedded/open.ts";
import type {
  Bus,
  BusRecord,
  Done,
  Lane,
  Offset,
  OutRecord,
  Owner,
  Partition,
  WorkOptions,
} from "@convergence/bus/port.ts";
import { readable } from "../oracle/readable.ts";
import type { Process } from "./process.ts";

/** A lane that a process holds. */
export interface HeldLane {
  partition: Partition;
  lane: Lane;
  /** From when it was caught up. */
  owner: Owner | undefined;
  /** Ends of its inputs that it asked for, and when (the world's time). */
  asked: { topic: string; at: number; end: Offset }[];
}

/** What of a process' dealings with the bus the oracle looks at. */
export interface Dealings {
  /** By group and partition. */
  readonly lanes: Map<string, HeldLane>;
  /** Records taken from work queues and not done. */
  readonly taken: Set<BusRecord>;
  now(): number;
  violation(what: string): void;
}

/** The bus as one process sees it: each call is one of its effects. */
export function busOf(process: Process, face: EmbeddedBus, dealings: Dealings): Bus {
  return {
    append: (records) => process.effect(`append ${whatOf(records)}`, () => face.append(records)),
    partitionOf: (topic, key) => face.partitionOf(topic, key),
    partitions: (topic) => face.partitions(topic),
    ends: (topic) => process.effect(`ask ends ${topic}`, () => face.ends(topic)),
    mark: (topic, partition, at) =>
      process.effect(`ask mark ${topic}`, () => face.mark(topic, partition, at)),
    own: (options, gained) =>
      process.effect(`join ${options.group}`, () =>
        face.own(options, (partition) => watched(process, options, partition, gained(partition), dealings)),
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

/** What an append is of: its topic, and which command. */
function whatOf([first]: OutRecord[]): string {
  if (first === undefined || first.value === null) return "";
  const { topic, value } = first;
  return topic.endsWith(".commands") ? `${topic} ${readable(value)?.type ?? ""}` : topic;
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
  dealings: Dealings,
): Lane {
  const key = `${group}/${partition}`;
  const { lanes } = dealings;
  const entry: HeldLane = { partition, lane, owner: undefined, asked: [] };
  lanes.set(key, entry);
  return {
    snapshot: (record) => lane.snapshot(record),
    foldFrom: () => lane.foldFrom(),
    fold: (record) => lane.fold(record),
    caughtUp(owner) {
      entry.owner = owner;
      lane.caughtUp(ownerOf(process, owner, log, snapshots, entry, dealings));
    },
    input: (record) => lane.input(record),
    lost(why) {
      if (lanes.get(key) === entry) lanes.delete(key);
      lane.lost(why);
    },
  };
}

function ownerOf(
  process: Process,
  owner: Owner,
  log: string,
  snapshots: string,
  { asked }: HeldLane,
  dealings: Dealings,
): Owner {
  let guarded = false;
  const guard = async () => {
    await owner.guard();
    guarded = true;
  };
  const append: Owner["append"] = (records) => {
    if (records[0]?.key === "claim") {
      if (!guarded)
        dealings.violation(`${process.name} claims ${log}/${owner.partition} without its group's word`);
      guarded = false;
    }
    return owner.append(records);
  };
  const inputEnd = async (topic: string) => {
    const end = await owner.inputEnd(topic);
    asked.push({ topic, at: dealings.now(), end });
    return end;
  };
  return {
    partition: owner.partition,
    guard: () => process.effect(`guard ${log}`, guard),
    append: (records): Promise<Offset[]> => process.effect(`append ${log}`, () => append(records)),
    appendSnapshots: (records): Promise<Offset[]> =>
      process.effect(`append ${snapshots}`, () => owner.appendSnapshots(records)),
    inputEnd: (topic) => process.effect(`ask end ${topic}`, () => inputEnd(topic)),
    inputPosition: (topic) => owner.inputPosition(topic),
    takeInputs: () => owner.takeInputs(),
    done: (topic, offset) => owner.done(topic, offset),
    get unhandled() {
      return owner.unhandled;
    },
    abandon: (why) => owner.abandon(why),
  };
}
