import type { BusRecord } from "@convergence/bus/port.ts";
import type { Claimed, EventMeta, Message, Trace } from "@convergence/contracts";

/** An event of an owned log. */
export interface LoggedEvent {
  type: Message["type"];
  meta: EventMeta;
}

/** An input of an owned log: a command, or a result. */
export interface Input {
  type: Message["type"];
}

/** One tenant's folded state, with what the log's writer needs to go on from it. Immutable. */
export interface Stream<S> {
  readonly state: S;
  /** The tenant's version: how many of its events were counted. */
  readonly version: number;
  /** Per input topic, the offset of the last input that led to an event. */
  readonly inputs: Readonly<Record<string, number>>;
  /** Ids of the last commands that had an outcome, oldest first. */
  readonly commands: readonly string[];
}

/** What a decision may know besides the tenant's state. */
export interface Turn {
  /** Unix milliseconds. */
  now: number;
  tenantId: string;
  /** True once a decision that answered "wait" is asked again: now it must decide. */
  waited: boolean;
  /** What the input's record belongs to. */
  trace: Trace | null;
}

/** The pure part: what an owned log is about. `S` state, `E` event, `F` an event before it is stamped, `I` input. */
export interface Model<S, E extends LoggedEvent, F extends { type: E["type"] }, I extends Input> {
  readonly group: string;
  readonly inputs: readonly string[];
  readonly log: string;
  readonly snapshots: string;
  /** A tenant's state before its first event. */
  readonly initial: S;
  /** @throws UnreadableRecord */
  readEvent(bytes: Uint8Array | null): E | Claimed;
  /** @throws UnreadableRecord */
  readInput(record: BusRecord): I;
  /** The tenant that an input belongs to, in lower case. */
  tenantOf(input: I): string;
  /** The id of an input that is a command; null for others. */
  commandOf(input: I): string | null;
  /** The id of the command whose outcome an event is; null where it is none. */
  outcomeOf(event: E): string | null;
  decide(state: S, input: I, turn: Turn): F[] | "wait";
  evolve(state: S, event: E): S;
  stamp(fact: F, meta: EventMeta): E;
  encode(event: E): Uint8Array;
  /** As an encoded record, however large. */
  toSnapshot(tenantId: string, stream: Stream<S>): Buffer;
  /** The inverse of toSnapshot. @throws UnreadableRecord for any other message */
  fromSnapshot(message: Message): { tenantId: string; stream: Stream<S> };
}

/** The acting part: told what was read back, never what was merely decided. All calls are synchronous. */
export interface Acts<S, E extends LoggedEvent, F> {
  /** The lane is this instance's: `streams` is the whole folded state. Acts that are due are to be done (again). */
  gained(lane: OwnedLane<S, F>): void;
  /** An event counted. `after` is the tenant's stream behind it. */
  folded(lane: OwnedLane<S, F>, event: E, after: Stream<S>): void;
  /** An input was handled; `facts` tells whether it led to events. */
  handled?(lane: OwnedLane<S, F>, input: Input): void;
  /** A decision answered "wait": call `lane.release(tenantId)` when it may be asked again. */
  waiting?(lane: OwnedLane<S, F>, tenantId: string): void;
  lost(partition: number): void;
}

/** An owned partition, as the acting part sees it. */
export interface OwnedLane<S, F> {
  readonly partition: number;
  /** The folded streams by tenant: only what was read back. */
  readonly streams: ReadonlyMap<string, Stream<S>>;
  /**
   * Decides for a reason that is no input (time, an effect's end). `decide` sees all that was decided before it.
   * Resolves when the events were read back, never once the lane is lost; rejects when no events can be made of it.
   * `trace` is what the events' records belong to.
   */
  propose(tenantId: string, decide: (state: S, now: number) => F[], trace?: Trace | null): Promise<void>;
  release(tenantId: string): void;
  /** Resolves when every input stored before the call was decided. */
  inputsRead(topic: string): Promise<void>;
  /** Resolves when the group still counts this instance as the owner; rejects otherwise, or when it cannot be asked. */
  guard(): Promise<void>;
  /** Writes a snapshot of this tenant now; resolves when it is stored. */
  snapshotNow(tenantId: string): Promise<void>;
  readonly isLost: boolean;
}

/** Where the writer tells of what should not happen. */
export interface WriterLog {
  debug(detail: object, message: string): void;
  info(detail: object, message: string): void;
  warn(detail: object, message: string): void;
  error(detail: object, message: string): void;
}
