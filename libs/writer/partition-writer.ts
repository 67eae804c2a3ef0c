import type { Bus, BusRecord, Lane, Owner } from "@convergence/bus/port.ts";
import type { Claimed, EventMeta } from "@convergence/contracts";
import { encode } from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import type { Clock } from "@convergence/runtime/clock.ts";
import { sleep } from "@convergence/runtime/clock.ts";
import type { Random } from "@convergence/runtime/random.ts";
import type { Acts, Input, LoggedEvent, Model, OwnedLane, Stream, WriterLog } from "./model.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";

/** What a writer is handed. */
export interface WriterDeps {
  bus: Bus;
  clock: Clock;
  random: Random;
  /** This instance's name. */
  instance: string;
  log: WriterLog;
  /** Milliseconds from an event to its tenant's snapshot, at most; 0: as soon as it is read back. */
  snapshotMs: number;
  /** Milliseconds between repeated claims: well within the log's retention. */
  claimMs: number;
}

/** At most so many events in one append. */
const APPEND_EVENTS = 500;
/** So many of a tenant's last commands are remembered: a copy of one of them has no second outcome. */
const RECENT_COMMANDS = 64;
/** Milliseconds before an append that failed is repeated. */
const RETRY_MS = 100;
/** Milliseconds between two looks at whether inputs were decided. */
const POLL_MS = 20;

interface Item<S, F, I> {
  tenantId: string;
  /** The input record; null for a proposal. */
  source: { record: BusRecord; input: I } | null;
  decide(state: S, now: number, waited: boolean): F[] | "wait";
  waited: boolean;
  /** Called when its events were read back, or when it led to none. */
  settled(): void;
}

interface Pending<S, E> {
  event: E;
  bytes: Uint8Array;
  after: Stream<S>;
  /** Set on an item's last event. */
  settled: (() => void) | null;
}

/**
 * The one writer of a log partition: restores the folded state, claims, decides inputs one after another, appends
 * what was decided, and lets the acting part act once it has read its own events back.
 *
 * Phases: restoring (snapshots, then the log to its end) -> claiming (guard, claim, read the claim back) -> owner
 * -> lost. One append is in flight at most; while it is, decisions gather. Decisions are made on the state that
 * includes what is on its way (`ahead`); acts follow from what was read back (`streams`).
 */
export class PartitionWriter<S, E extends LoggedEvent, F extends { type: E["type"] }, I extends Input>
  implements Lane, OwnedLane<S, F>
{
  readonly partition: number;
  readonly streams = new Map<string, Stream<S>>();
  readonly #model: Model<S, E, F, I>;
  readonly #acts: Acts<S, E, F>;
  readonly #deps: WriterDeps;
  readonly #keeper: SnapshotKeeper;
  readonly #ahead = new Map<string, Stream<S>>();
  readonly #held = new Map<string, Item<S, F, I>[]>();
  /** Offsets of the inputs that were given but not decided yet, in order, by topic. */
  readonly #undecided = new Map<string, Set<number>>();
  #reader = new LogReader();
  #pending: Pending<S, E>[] = [];
  #queue: Item<S, F, I>[] = [];
  #phase: "restoring" | "claiming" | "owner" | "lost" = "restoring";
  #owner: Owner | undefined;
  /** Of all claims that this lane made: a claim may be stored late, or twice. */
  readonly #nonces = new Set<string>();
  #lastNonce = "";
  /** A claim is wanted, and none of this lane's counted since. */
  #claiming = false;
  #claimLoops = false;
  #claimAgain = false;
  #epoch = -1;
  #claimedAt = 0;
  #appending = false;
  #pumpDue = false;

  constructor(partition: number, model: Model<S, E, F, I>, acts: Acts<S, E, F>, deps: WriterDeps) {
    this.partition = partition;
    this.#model = model;
    this.#acts = acts;
    this.#deps = deps;
    this.#keeper = new SnapshotKeeper(deps, (tenantId) => this.#snapshotOf(tenantId));
  }

  get isLost(): boolean {
    return this.#phase === "lost";
  }

  // Restoring -------------------------------------------------------------------------------------------------

  snapshot(record: BusRecord): void {
    const { value } = record;
    if (value === null) return;
    const restored = this.#readable(record, () => this.#model.fromSnapshot(value));
    if (restored === undefined) return;
    if ("offset" in restored) {
      this.#keeper.restoredCheckpoint(record, restored);
      return;
    }
    const { tenantId, stream } = restored;
    this.#keeper.restored(record, tenantId, stream.version);
    if ((this.streams.get(tenantId)?.version ?? -1) <= stream.version) this.streams.set(tenantId, stream);
  }

  foldFrom(): number | "low" {
    const versions = [...this.streams].map(([tenantId, stream]) => [tenantId, stream.version] as const);
    this.#reader = new LogReader(this.#keeper.claim, versions);
    return this.#keeper.foldFrom;
  }

  fold(record: BusRecord): void {
    this.#keeper.position = record.offset + 1;
    const head = this.#pending[0];
    if (head !== undefined && record.value !== null && Buffer.compare(head.bytes, record.value) === 0) {
      this.#readBack(record, head);
      return;
    }
    const entry = this.#readable(record, () => this.#model.readEvent(record.value));
    if (entry === undefined) return;
    if (isClaim(entry)) this.#foldClaim(record, entry);
    else this.#foldEvent(record, entry);
  }

  #foldClaim(record: BusRecord, claim: Claimed): void {
    const verdict = this.#reader.read(record.offset, { kind: "claim", follows: claim.follows });
    this.#keeper.claim = this.#reader.claim;
    const mine = this.#nonces.has(claim.nonce);
    if (mine && verdict === "counted") this.#claimCounted(record.offset);
    else if (verdict === "counted" && this.#phase === "owner") this.#abandon(`overtaken by ${claim.writer}`);
    else if (claim.nonce === this.#lastNonce) this.#claimVoid();
  }

  #foldEvent(record: BusRecord, event: E): void {
    const { tenant_id: tenantId, epoch, version } = event.meta;
    const verdict = this.#reader.read(record.offset, { kind: "event", tenantId, epoch, version });
    if (verdict === "gap") {
      const detail = { tenantId, version, offset: record.offset, log: record.topic };
      this.#deps.log.error(detail, "an event is missing in the log before this one");
    }
    if (verdict !== "counted") return;
    this.streams.set(tenantId, this.#after(this.streams.get(tenantId) ?? this.#fresh(), event));
    this.#keeper.changed(tenantId);
  }

  // Claiming --------------------------------------------------------------------------------------------------

  caughtUp(owner: Owner): void {
    this.#owner = owner;
    this.#phase = "claiming";
    this.#claim();
  }

  /** Sees to it that a claim of this lane counts. */
  #claim(): void {
    this.#claiming = true;
    if (!this.#claimLoops) void this.#claimUntilStored();
  }

  /** Another's claim came between: it has to be followed. A copy of a claim that counted is void too, and harmless. */
  #claimVoid(): void {
    if (!this.#claiming) return;
    this.#claimAgain = true;
    this.#claim();
  }

  /**
   * Claims under the group's present word: without the guard a paused writer and its successor claim in turn. Where
   * the outcome of an append is unknown the claim may yet count; then it is not repeated, since whatever is appended
   * under the one would be void under the other.
   */
  async #claimUntilStored(): Promise<void> {
    const owner = this.#owner;
    this.#claimLoops = true;
    do {
      this.#claimAgain = false;
      try {
        await owner?.guard();
        if (this.#claiming && !this.isLost) await owner?.append([this.#newClaim()]);
      } catch (error) {
        if (this.isLost) break;
        const detail = { log: this.#model.log, error: String(error) };
        this.#deps.log.warn(detail, "claiming failed; it is repeated");
        await sleep(this.#deps.clock, RETRY_MS);
        this.#claimAgain = true;
      }
    } while (this.#claimAgain && this.#claiming && !this.isLost);
    this.#claimLoops = false;
    this.#schedulePump();
  }

  #newClaim(): { key: string; value: Uint8Array } {
    const { clock, random, instance: writer } = this.#deps;
    const nonce = random.uuid();
    this.#nonces.add(nonce);
    this.#lastNonce = nonce;
    const claim: Claimed = { type: "Claimed", follows: this.#reader.claim, nonce, writer, at: clock.now() };
    return { key: "claim", value: encode(claim) };
  }

  #claimCounted(epoch: number): void {
    const first = this.#phase === "claiming";
    this.#claiming = false;
    this.#epoch = epoch;
    this.#claimedAt = this.#deps.clock.now();
    this.#phase = "owner";
    if (!first) {
      this.#appending = false;
      this.#schedulePump();
      return;
    }
    if (this.#owner === undefined) return;
    this.#keeper.begin(this.#owner, epoch);
    this.#deps.log.info({ log: this.#model.log, partition: this.partition, epoch }, "owns the partition");
    this.#acts.gained(this);
    this.#owner.takeInputs();
  }

  // Deciding --------------------------------------------------------------------------------------------------

  input(record: BusRecord): void {
    const { topic, offset } = record;
    try {
      const input = this.#model.readInput(record);
      const tenantId = this.#model.tenantOf(input);
      this.#undecidedOf(topic).add(offset);
      this.#enqueue({
        tenantId,
        source: { record, input },
        waited: false,
        decide: (state, now, waited) => this.#model.decide(state, input, { now, tenantId, waited }),
        settled: () => this.#owner?.done(topic, offset),
      });
    } catch (error) {
      void this.#toDeadLetters(record, error);
    }
  }

  propose(tenantId: string, decide: (state: S, now: number) => F[]): Promise<void> {
    return new Promise((resolve) => {
      this.#enqueue({ tenantId, source: null, waited: false, decide, settled: resolve });
    });
  }

  release(tenantId: string): void {
    const held = this.#held.get(tenantId);
    if (held === undefined) return;
    this.#held.delete(tenantId);
    const [first, ...others] = held;
    if (first !== undefined) this.#queue = [{ ...first, waited: true }, ...others, ...this.#queue];
    this.#schedulePump();
  }

  async inputsRead(topic: string): Promise<void> {
    const end = (await this.#owner?.inputEnd(topic)) ?? 0;
    while (!this.isLost && !this.#decidedTo(topic, end)) await sleep(this.#deps.clock, POLL_MS);
  }

  #decidedTo(topic: string, end: number): boolean {
    const [lowest] = this.#undecided.get(topic) ?? [];
    return (this.#owner?.inputPosition(topic) ?? 0) >= end && (lowest === undefined || lowest >= end);
  }

  #enqueue(item: Item<S, F, I>): void {
    if (this.isLost) return;
    const held = this.#held.get(item.tenantId);
    if (held !== undefined && item.source !== null) held.push(item);
    else this.#queue.push(item);
    this.#schedulePump();
  }

  /** Decides in a microtask of its own, so that inputs that arrive together share an append. */
  #schedulePump(): void {
    if (this.#pumpDue || this.#appending || this.#claimLoops) return;
    this.#pumpDue = true;
    queueMicrotask(() => {
      this.#pumpDue = false;
      if (!this.#appending && !this.#claimLoops && this.#phase === "owner") void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    if (this.#deps.clock.now() - this.#claimedAt >= this.#deps.claimMs) {
      this.#appending = true;
      this.#claim();
      return;
    }
    const batch: Pending<S, E>[] = [];
    let taken = 0;
    while (taken < this.#queue.length && batch.length < APPEND_EVENTS) {
      const item = this.#queue[taken];
      taken += 1;
      if (item !== undefined) batch.push(...this.#decide(item));
    }
    this.#queue = this.#queue.slice(taken);
    if (batch.length === 0) return;
    this.#pending.push(...batch);
    this.#appending = true;
    await this.#appendUntilStored(batch);
    this.#appending = false;
    if (this.#queue.length > 0) this.#schedulePump();
  }

  #decide(item: Item<S, F, I>): Pending<S, E>[] {
    const { source, tenantId } = item;
    const held = this.#held.get(tenantId);
    if (held !== undefined && source !== null) {
      held.push(item);
      return [];
    }
    const stream = this.#ahead.get(tenantId) ?? this.streams.get(tenantId) ?? this.#fresh();
    const facts = this.#factsOf(item, stream);
    if (facts === "wait") {
      this.#held.set(tenantId, [item]);
      this.#acts.waiting?.(this, tenantId);
      return [];
    }
    if (source !== null) {
      this.#undecidedOf(source.record.topic).delete(source.record.offset);
      this.#acts.handled?.(this, source.input);
    }
    if (facts === "dead") return [];
    if (facts.length === 0) item.settled();
    return this.#stamped(item, stream, facts);
  }

  /** What an item comes to. One that a decision fails on goes to the dead letters, and the partition goes on. */
  #factsOf({ source, decide, waited }: Item<S, F, I>, stream: Stream<S>): F[] | "wait" | "dead" {
    if (source !== null && this.#isDecided(source, stream)) return [];
    try {
      return decide(stream.state, this.#deps.clock.now(), waited);
    } catch (error) {
      if (source === null) throw error;
      void this.#toDeadLetters(source.record, error);
      return "dead";
    }
  }

  /** True for an input that was folded before, and for a copy of a command that has its outcome. */
  #isDecided({ record, input }: { record: BusRecord; input: I }, stream: Stream<S>): boolean {
    if (record.offset <= (stream.inputs[record.topic] ?? -1)) return true;
    const command = this.#model.commandOf(input);
    return command !== null && stream.commands.includes(command);
  }

  #undecidedOf(topic: string): Set<number> {
    const offsets = this.#undecided.get(topic) ?? new Set();
    this.#undecided.set(topic, offsets);
    return offsets;
  }

  #stamped(item: Item<S, F, I>, stream: Stream<S>, facts: F[]): Pending<S, E>[] {
    let after = stream;
    return facts.map((fact, index) => {
      const event = this.#model.stamp(fact, this.#meta(item, after.version + 1));
      after = this.#after(after, event);
      this.#ahead.set(item.tenantId, after);
      const settled = index === facts.length - 1 ? item.settled : null;
      return { event, bytes: this.#model.encode(event), after, settled };
    });
  }

  #meta(item: Item<S, F, I>, version: number): EventMeta {
    return {
      tenant_id: item.tenantId,
      epoch: this.#epoch,
      version,
      at: this.#deps.clock.now(),
      cause: item.source === null ? null : causeOf(item.source.record),
      traceparent: null,
    };
  }

  #after(before: Stream<S>, event: E): Stream<S> {
    const { cause, version } = event.meta;
    const inputs = cause === null ? before.inputs : { ...before.inputs, [cause.topic]: cause.offset };
    const command = this.#model.outcomeOf(event);
    const commands =
      command === null ? before.commands : [...before.commands.slice(1 - RECENT_COMMANDS), command];
    return { state: this.#model.evolve(before.state, event), version, inputs, commands };
  }

  /** An append whose outcome is unknown is repeated: readers ignore the copy, by its version. */
  async #appendUntilStored(batch: Pending<S, E>[]): Promise<void> {
    const records = batch.map(({ event, bytes }) => ({ key: event.meta.tenant_id, value: bytes }));
    while (!this.isLost && this.#owner !== undefined) {
      try {
        await this.#owner.append(records);
        return;
      } catch (error) {
        if (this.isLost) return;
        this.#deps.log.warn({ log: this.#model.log, error: String(error) }, "append failed; it is repeated");
        await sleep(this.#deps.clock, RETRY_MS);
      }
    }
  }

  // Reading back ----------------------------------------------------------------------------------------------

  #readBack(record: BusRecord, head: Pending<S, E>): void {
    const { tenant_id: tenantId, epoch, version } = head.event.meta;
    const verdict = this.#reader.read(record.offset, { kind: "event", tenantId, epoch, version });
    if (verdict !== "counted") {
      this.#abandon(`its own event was judged: ${verdict}`);
      return;
    }
    this.#pending.shift();
    this.streams.set(tenantId, head.after);
    if (this.#ahead.get(tenantId) === head.after) this.#ahead.delete(tenantId);
    this.#keeper.changed(tenantId);
    this.#acts.folded(this, head.event, head.after);
    head.settled?.();
  }

  // Snapshots and the end -------------------------------------------------------------------------------------

  snapshotNow(tenantId: string): Promise<void> {
    return this.#keeper.write(tenantId);
  }

  /** Writes what is not in a snapshot yet, with a checkpoint: a restart then folds almost nothing. */
  writeSnapshots(): Promise<void> {
    return this.#keeper.writeAll();
  }

  lost(why: string): void {
    if (this.isLost) return;
    const wasOwner = this.#phase === "owner";
    this.#phase = "lost";
    this.#keeper.end();
    this.#queue = [];
    this.#pending = [];
    this.#deps.log.info({ log: this.#model.log, partition: this.partition, why }, "lost the partition");
    if (wasOwner) this.#acts.lost(this.partition);
  }

  #abandon(why: string): void {
    const owner = this.#owner;
    this.lost(why);
    owner?.abandon(why);
  }

  #snapshotOf(tenantId: string): Uint8Array | null {
    const stream = this.streams.get(tenantId);
    return stream === undefined ? null : this.#model.toSnapshot(tenantId, stream);
  }

  #fresh(): Stream<S> {
    return { state: this.#model.initial, version: 0, inputs: {}, commands: [] };
  }

  /** Reads a record of the log or a snapshot; one that cannot be read is passed over, with an alarm. */
  #readable<T>(record: BusRecord, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const { topic, partition, offset } = record;
      this.#deps.log.error({ topic, partition, offset, error: String(error) }, "unreadable record");
      return undefined;
    }
  }

  /** The input is done once it is stored among the dead letters. */
  async #toDeadLetters(record: BusRecord, error: unknown): Promise<void> {
    const { topic, partition, offset } = record;
    this.#deps.log.error(
      { topic, partition, offset, error: String(error) },
      "input goes to the dead letters",
    );
    while (!this.isLost) {
      try {
        await this.#deps.bus.dead(record, error);
        this.#owner?.done(topic, offset);
        return;
      } catch {
        await sleep(this.#deps.clock, RETRY_MS);
      }
    }
  }
}

function causeOf({ topic, offset }: BusRecord): EventMeta["cause"] {
  return { topic, offset };
}

function isClaim(entry: LoggedEvent | Claimed): entry is Claimed {
  return entry.type === "Claimed";
}
