import type { Bus, BusRecord, Lane, Owner, Partition, Running, TopicSpec } from "../port.ts";
import { textOf, topic, unique } from "./harness.ts";

/** The topics of an owner and its group. */
export interface Ownership {
  group: string;
  inputs: string[];
  log: string;
  snapshots: string;
  specs: TopicSpec[];
}

export function ownership(partitions: number): Ownership {
  const specs = [
    topic("commands", partitions),
    topic("results", partitions),
    topic("log", partitions),
    topic("snapshots", partitions, { cleanup: "compact" }),
  ];
  const [commands = "", results = "", log = "", snapshots = ""] = specs.map(({ name }) => name);
  return { group: unique("owners"), inputs: [commands, results], log, snapshots, specs };
}

/** What a lane does beyond keeping what it is told. */
export interface LaneHabits {
  foldFrom?(partition: Partition): number | "low";
  /** Default: take inputs at once. */
  caughtUp?(owner: Owner): void;
  /** Default: done at once. */
  input?(record: BusRecord, owner: Owner): void;
  fold?(record: BusRecord): void;
}

/** A lane that keeps what it is told, as words: "snapshot 1", "foldFrom", "fold x", "caughtUp", "input y", "lost". */
export class LaneRecorder implements Lane {
  readonly partition: Partition;
  readonly calls: string[] = [];
  readonly inputs: BusRecord[] = [];
  owner: Owner | undefined;
  lostWhy: string | undefined;
  readonly #habits: LaneHabits;

  constructor(partition: Partition, habits: LaneHabits) {
    this.partition = partition;
    this.#habits = habits;
  }

  snapshot(record: BusRecord): void {
    this.calls.push(`snapshot ${textOf(record)}`);
  }

  foldFrom(): number | "low" {
    this.calls.push("foldFrom");
    return this.#habits.foldFrom?.(this.partition) ?? "low";
  }

  fold(record: BusRecord): void {
    this.calls.push(`fold ${textOf(record)}`);
    this.#habits.fold?.(record);
  }

  caughtUp(owner: Owner): void {
    this.calls.push("caughtUp");
    this.owner = owner;
    if (this.#habits.caughtUp) this.#habits.caughtUp(owner);
    else owner.takeInputs();
  }

  input(record: BusRecord): void {
    this.calls.push(`input ${textOf(record)}`);
    this.inputs.push(record);
    if (!this.owner) throw new Error("an input before caughtUp");
    if (this.#habits.input) this.#habits.input(record, this.owner);
    else this.owner.done(record.topic, record.offset);
  }

  lost(why: string): void {
    this.calls.push("lost");
    this.lostWhy = why;
  }
}

export interface OwnerUnderTest {
  running: Running;
  /** All lanes that it ever gained, in order. */
  lanes: LaneRecorder[];
  /** The lanes that it holds, by partition. */
  held(): Map<Partition, LaneRecorder>;
  /** The lane of one partition that it holds and that has caught up. */
  ready(partition: Partition): (LaneRecorder & { owner: Owner }) | undefined;
}

/** Joins as a member and keeps its lanes. */
export async function own(
  bus: Bus,
  { group, inputs, log, snapshots }: Ownership,
  member: string,
  habits: LaneHabits = {},
): Promise<OwnerUnderTest> {
  const lanes: LaneRecorder[] = [];
  const running = await bus.own({ group, inputs, log, snapshots, member }, (partition) => {
    const lane = new LaneRecorder(partition, habits);
    lanes.push(lane);
    return lane;
  });
  const held = () =>
    new Map(lanes.filter((lane) => lane.lostWhy === undefined).map((lane) => [lane.partition, lane]));
  const ready = (partition: Partition) => {
    const lane = held().get(partition);
    return lane && hasOwner(lane) ? lane : undefined;
  };
  return { running, lanes, held, ready };
}

function hasOwner(lane: LaneRecorder): lane is LaneRecorder & { owner: Owner } {
  return lane.owner !== undefined;
}
