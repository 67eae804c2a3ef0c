/**
 * The bus port: a partitioned, replayable log of records (Kafka's model), seen by the services.
 *
 * Glossary, in Kafka's terms:
 * - topic: a named log, divided into a fixed number of partitions; records of one key share a partition.
 * - offset: a record's place in its partition. Offsets grow; they may have gaps (compaction, markers).
 * - low / end: no record below low is stored any more; end is the offset that the next record will get.
 * - compacted topic: keeps at least the last record of each key; older ones vanish some time later.
 *   A record with a null value is a tombstone: its key vanishes some time after it.
 * - group: instances that share a topic's partitions; each partition belongs to at most one member at a time,
 *   as far as the members know. A paused member may believe itself the owner for a while: see `Owner.guard`.
 * - lane: what an owner keeps for one partition index of its co-partitioned input topics, log and snapshots.
 *
 * Offsets are numbers: 2^53 records in a partition are out of reach, and an adapter that meets one stops.
 */

export type Partition = number;
export type Offset = number;

/** Low and end of each partition of a topic. */
export type Ends = Map<Partition, { low: Offset; end: Offset }>;

export type Headers = Readonly<Record<string, string>>;

/** The most that key, value and headers of a record may have together, in bytes (Kafka's default is a little more). */
export const MAX_RECORD_BYTES = 1_000_000;

/**
 * A record to append; its bytes must not change afterwards. Without `partition` the key decides (murmur2 of its
 * UTF-8 bytes, as Kafka's default).
 */
export interface OutRecord {
  topic: string;
  key: string;
  value: Uint8Array | null;
  partition?: Partition;
  headers?: Headers;
}

/** A record as stored. `time` is the append time, Unix milliseconds. */
export interface BusRecord {
  topic: string;
  partition: Partition;
  offset: Offset;
  key: string;
  value: Uint8Array | null;
  headers: Headers;
  time: number;
}

export interface Bus {
  /**
   * Appends durably. Records of one call to one partition stay in order. Resolves with an offset for each
   * record, once all are stored. A rejected append may still have been stored (its outcome is unknown), and a
   * stored one may be stored twice: readers must tell duplicates by what a record says.
   * @throws BusUnavailable when the bus cannot be reached in time; TypeError for an unknown topic; RangeError for
   * a record above MAX_RECORD_BYTES.
   */
  append(records: OutRecord[]): Promise<Offset[]>;
  /** The partition that a key of this topic belongs to. */
  partitionOf(topic: string, key: string): Partition;
  partitions(topic: string): number;
  ends(topic: string): Promise<Ends>;
  /**
   * A fingerprint of this topic partition's incarnation as of the last stored record before `at`: changes when the
   * topic was made anew or that record is another one. Null when no record before `at` is stored any more.
   */
  mark(topic: string, partition: Partition, at: Offset): Promise<string | null>;
  /**
   * Joins `group` as an owner of whole lanes: see Lane for what happens to each gained partition. Resolves once the
   * member has asked to join; partitions are gained when the group has shared them out.
   * @throws TypeError unless inputs, log and snapshots have the same partition count.
   */
  own(options: OwnOptions, gained: (partition: Partition) => Lane): Promise<Running>;
  /** Reads whole topics by position, alone, without a group: every view sees every record. */
  view(options: ViewOptions, fold: (record: BusRecord) => void): Promise<View>;
  /**
   * Shares a topic's records out among the group's members, from the group's committed offsets on (without one,
   * from the first stored). `take` must not throw and only enqueues. What is not done when a partition moves on is
   * another member's to take; calling `done` for it has no effect any more.
   */
  work(options: WorkOptions, take: (record: BusRecord, done: Done) => void): Promise<Running>;
  /** Puts a record that could not be read or handled on `<topic>.dlq`, with its origin and the error in headers. */
  dead(record: BusRecord, error: unknown): Promise<void>;
  /** Ends all that runs on this bus. Idempotent. */
  close(): Promise<void>;
}

/** How far a reader of this process has come in one partition: what its lag is told by. */
export interface Reading {
  /** Its group, or the name of a view. */
  reader: string;
  topic: string;
  partition: Partition;
  /** All below it is done, or folded. */
  next: Offset;
}

/** What an opened bus tells of the groups that it is a member of, and of its views that have a name. */
export interface Readings {
  readings(): Reading[];
}

export interface OwnOptions {
  group: string;
  /** Co-partitioned topics whose records are this owner's inputs; read from the group's committed offset. */
  inputs: readonly string[];
  /** The owner's own log: co-partitioned, read by position. */
  log: string;
  /** Compacted, co-partitioned: read whole before the log. */
  snapshots: string;
  /** A name for this member, shown to operators; unique among living members. */
  member: string;
}

/**
 * What an owner keeps for one partition. All calls are synchronous, in this order: `snapshot` for each stored
 * record of the snapshots topic; `foldFrom` once; `fold` for each record of the log from there to the end that
 * was read when the partition was gained; `caughtUp` once; from then on `fold` for whatever is appended, and,
 * after `Owner.takeInputs`, `input` for each input record from the committed offset on (without one, from the
 * first stored). `lost` ends it, also at `Running.stop`: nothing is called afterwards. Handlers only enqueue and
 * return; what they throw ends the member (`Running.failed`) and is fatal to the process.
 */
export interface Lane {
  snapshot(record: BusRecord): void;
  /** Where the log is to be read from. An offset below the log's first stored one means from the first. */
  foldFrom(): Offset | "low";
  fold(record: BusRecord): void;
  caughtUp(owner: Owner): void;
  input(record: BusRecord): void;
  lost(why: string): void;
}

/** A lane's hands. All of it rejects or does nothing once the lane is lost. */
export interface Owner {
  readonly partition: Partition;
  /**
   * Proves that the group still counts this member as owner in its present generation (on Kafka: an offset
   * commit under that generation). Rejects with LaneLost otherwise; the adapter calls `lost`, before or after.
   * Rejects with BusUnavailable when the group cannot be asked: nothing is proved, ask again.
   */
  guard(): Promise<void>;
  /** Appends to the lane's log partition. At most one append may be in flight. */
  append(records: Pick<OutRecord, "key" | "value" | "headers">[]): Promise<Offset[]>;
  /** Appends to the lane's partition of the snapshots topic. */
  appendSnapshots(records: Pick<OutRecord, "key" | "value">[]): Promise<Offset[]>;
  /** The end offset of one of the lane's input partitions, asked of the bus now. */
  inputEnd(topic: string): Promise<Offset>;
  /** The next offset of this input that `input` will be given: all below it were given, or are no more. */
  inputPosition(topic: string): Offset;
  /** Lets inputs flow, from the committed offset. */
  takeInputs(): void;
  /** Marks an input as handled. In any order: the highest contiguous offset is committed, off the hot path. */
  done(topic: string, offset: Offset): void;
  /** How many inputs were handed over and are not done. Above a bound the adapter reads no more until it falls. */
  readonly unhandled: number;
  /** Gives the partition up (a fault in the lane); the group hands it out anew. */
  abandon(why: string): void;
}

export interface ViewOptions {
  topics: readonly string[];
  /**
   * Where to start, by topic and partition. A partition without an entry starts at the first stored record;
   * with "end", behind the last. An offset below the first stored one means the first, one past the end: `end`.
   */
  from: "low" | "end" | ReadonlyMap<string, ReadonlyMap<Partition, Offset>>;
  /** A name for who reads, shown to operators. */
  member?: string;
  /** As in WorkOptions. */
  gatherMs?: number;
}

export interface View {
  /** The next offset to fold, by partition. Moves past compacted or empty stretches too. */
  position(topic: string): Map<Partition, Offset>;
  /**
   * Resolves true once all that was stored when it was called is folded; false when `ms` passed first.
   * @throws BusUnavailable when the ends cannot be asked for.
   */
  caughtUp(ms?: number): Promise<boolean>;
  stop(): Promise<void>;
  /** Rejects if reading ends by a fault; never resolves. */
  readonly failed: Promise<never>;
}

export interface WorkOptions {
  group: string;
  topic: string;
  /** A name for this member, shown to operators; unique among living members. */
  member: string;
  /** Told at each change which partitions are this member's now, each with the note of its committed offset. */
  assigned(partitions: { partition: Partition; note: string | null }[]): void;
  /** Records may come so many milliseconds later, many together: for who is in no hurry (default 0). */
  gatherMs?: number;
  /** How many taken but not yet done records this member holds at most (default 1,000); then reading pauses. */
  maxInFlight?: number;
}

/**
 * Marks a taken record as handled, in any order; the highest contiguous offset is committed. A note (at most 1,000
 * characters) says what a reader must know to go on behind this record: with an offset the last note before it is
 * committed.
 */
export type Done = (note?: string) => void;

export interface Running {
  /** Leaves the group; idempotent; resolves when no handler will be called any more and what was done is committed. */
  stop(): Promise<void>;
  /** Rejects if it ends by a fault; never resolves. */
  readonly failed: Promise<never>;
}

/** The bus cannot be reached: retry later. */
export class BusUnavailable extends Error {
  override readonly name = "BusUnavailable";
}

/** The lane is another owner's now. */
export class LaneLost extends Error {
  override readonly name = "LaneLost";
}

/** How a topic is kept. Topics are declared by the platform (libs/contracts/topics.ts), not by an adapter. */
export interface TopicSpec {
  name: string;
  partitions: number;
  cleanup: "delete" | "compact";
  /** For cleanup "delete": how long records are kept, in milliseconds; null for ever. */
  retentionMs: number | null;
  /**
   * False where a power cut may take the last records, since whoever wrote them writes them again (work that is handed
   * out anew, announcements): an append then does not wait for the disk. A killed process loses nothing either way.
   * Absent: true. For an adapter that has a disk of its own to wait for.
   */
  waitForDisk?: boolean;
}
