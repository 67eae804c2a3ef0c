import { type BusRecord, type Lane, LaneLost, type Owner } from "@convergence/bus/port.ts";
import { type Claimed, type Trace, traced, traceOf } from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import { sleep } from "@convergence/runtime/clock.ts";
import { type Claimant, Claims } from "./claims.ts";
import { toDeadLetters } from "./dead-letters.ts";
import { Decider } from "./decider.ts";
import type { Item } from "./decision-queue.ts";
import { RETRY_MS, type WriterDeps } from "./deps.ts";
import type { Acts, Input, LoggedEvent, Model, OwnedLane, Stream } from "./model.ts";
import { type Rendered, SnapshotKeeper } from "./snapshot-keeper.ts";
import { emptyStream, foldEvent, type Pending } from "./stream.ts";

/** At most so many events in one append, but for those of a single decision. */
const APPEND_EVENTS = 500;
/** Milliseconds between two looks at whether inputs were decided. */
const POLL_MS = 20;

/**
 * The one writer of a log partition: restores the folded state, claims, decides inputs one after another, appends
 * what was decided, and lets the acting part act once it has read its own events back.
 *
 * Phases: restoring (snapshots, then the log to its end) -> claiming (guard, claim, read the claim back) -> owner
 * -> lost. One append is in flight at most; while it is, decisions gather. Decisions are made on the state that
 * includes what is on its way (Decider); acts follow from what was read back (`streams`).
 */
export class PartitionWriter<S, E extends LoggedEvent, F extends { type: E["type"] }, I extends Input>
  implements Lane, OwnedLane<S, F>, Claimant
{
  readonly partition: number;
  readonly streams = new Map<string, Stream<S>>();
  readonly #model: Model<S, E, F, I>;
  readonly #acts: Acts<S, E, F>;
  readonly #deps: WriterDeps;
  readonly #keeper: SnapshotKeeper;
  readonly #claims: Claims;
  readonly #decider: Decider<S, E, F, I>;
  #reader = new LogReader();
  #pending: Pending<S, E>[] = [];
  #phase: "restoring" | "claiming" | "owner" | "lost" = "restoring";
  #owner: Owner | undefined;
  #epoch = -1;
  #claimedAt = 0;
  #appending = false;
  #pumpDue = false;

  constructor(partition: number, model: Model<S, E, F, I>, acts: Acts<S, E, F>, deps: WriterDeps) {
    this.partition = partition;
    this.#model = model;
    this.#acts = acts;
    this.#deps = deps;
    this.#keeper = new SnapshotKeeper(deps, (tenantId) => this.#rendered(tenantId));
    this.#claims = new Claims(this, deps);
    this.#decider = new Decider(this, model, acts, deps.clock);
  }

  get isLost(): boolean {
    return this.#phase === "lost";
  }

  get owner(): Owner | undefined {
    return this.#owner;
  }

  get logName(): string {
    return this.#model.log;
  }

  get latestClaim(): number {
    return this.#reader.claim;
  }

  // Restoring -------------------------------------------------------------------------------------------------

  snapshot(record: BusRecord): void {
    const read = this.#readable(record, () => this.#keeper.read(record));
    if (read === undefined) return;
    const restored = this.#readable(record, () => this.#model.fromSnapshot(read.message));
    if (restored === undefined) return;
    const { tenantId, stream } = restored;
    this.#keeper.restored(tenantId, stream.version, read.keys);
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

  #foldEvent(record: BusRecord, event: E): void {
    const { tenant_id: tenantId, version } = event.meta;
    const verdict = this.#reader.read(record.offset, event);
    if (verdict === "gap") {
      const detail = { tenantId, version, offset: record.offset, log: record.topic };
      this.#deps.log.error(detail, "an event is missing in the log before this one");
    }
    if (verdict !== "counted") return;
    const before = this.streams.get(tenantId) ?? emptyStream(this.#model.initial);
    this.streams.set(tenantId, foldEvent(this.#model, before, event));
    this.#keeper.changed(tenantId);
  }

  // Claiming --------------------------------------------------------------------------------------------------

  caughtUp(owner: Owner): void {
    this.#owner = owner;
    this.#phase = "claiming";
    this.#claims.want();
  }

  claimsStored(): void {
    this.#schedulePump();
  }

  #foldClaim(record: BusRecord, claim: Claimed): void {
    const verdict = this.#reader.read(record.offset, claim);
    this.#keeper.claim = this.#reader.claim;
    if (verdict !== "counted") this.#claims.notCounted(claim);
    else if (this.#claims.isMine(claim)) this.#claimCounted(record.offset);
    else if (this.#phase === "owner") this.#abandon(`overtaken by ${claim.writer}`);
  }

  #claimCounted(epoch: number): void {
    const first = this.#phase === "claiming";
    this.#claims.counted();
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

  // Taking in -------------------------------------------------------------------------------------------------

  input(record: BusRecord): void {
    const { topic, offset } = record;
    try {
      const input = this.#model.readInput(record);
      const tenantId = this.#model.tenantOf(input);
      const trace = traceOf(record.headers);
      this.#enqueue({
        tenantId,
        source: { record, input },
        trace,
        waited: false,
        decide: (state, now, waited) => this.#model.decide(state, input, { now, tenantId, waited, trace }),
        settled: () => this.#owner?.done(topic, offset),
        failed: (error) => void this.#setAside(record, error),
      });
    } catch (error) {
      void this.#setAside(record, error);
    }
  }

  propose(
    tenantId: string,
    decide: (state: S, now: number) => F[],
    trace: Trace | null = null,
  ): Promise<void> {
    return new Promise((settled, failed) => {
      this.#enqueue({ tenantId, source: null, trace, waited: false, decide, settled, failed });
    });
  }

  release(tenantId: string): void {
    this.#decider.release(tenantId);
    this.#schedulePump();
  }

  async guard(): Promise<void> {
    if (this.isLost || this.#owner === undefined) throw new LaneLost(`partition ${this.partition} is lost`);
    await this.#owner.guard();
  }

  async inputsRead(topic: string): Promise<void> {
    const end = (await this.#owner?.inputEnd(topic)) ?? 0;
    const isRead = () =>
      (this.#owner?.inputPosition(topic) ?? 0) >= end && this.#decider.decidedTo(topic, end);
    while (!this.isLost && !isRead()) await sleep(this.#deps.clock, POLL_MS);
  }

  #enqueue(item: Item<S, F, I>): void {
    if (this.isLost) return;
    this.#decider.add(item);
    this.#schedulePump();
  }

  // Deciding and appending ------------------------------------------------------------------------------------

  /** Decides in a microtask of its own, so that inputs that arrive together share an append. */
  #schedulePump(): void {
    if (this.#pumpDue || this.#isBusy()) return;
    this.#pumpDue = true;
    queueMicrotask(() => {
      this.#pumpDue = false;
      if (!this.#isBusy() && this.#phase === "owner") void this.#pump();
    });
  }

  #isBusy(): boolean {
    return this.#appending || this.#claims.underWay;
  }

  async #pump(): Promise<void> {
    if (this.#deps.clock.now() - this.#claimedAt >= this.#deps.claimMs) {
      this.#appending = true;
      this.#claims.want();
      return;
    }
    const batch = this.#decider.decide(APPEND_EVENTS, this.#epoch);
    if (batch.length === 0) return;
    for (const event of batch) this.#pending.push(event);
    this.#appending = true;
    await this.#appendUntilStored(batch);
    this.#appending = false;
    if (this.#decider.hasWork) this.#schedulePump();
  }

  /** An append whose outcome is unknown is repeated: readers ignore the copy, by its version. */
  async #appendUntilStored(batch: Pending<S, E>[]): Promise<void> {
    const records = batch.map(({ event, bytes, trace }) => ({
      key: event.meta.tenant_id,
      value: bytes,
      ...traced(trace),
    }));
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

  #readBack(record: BusRecord, head: Pending<S, E>): void {
    const { tenant_id: tenantId } = head.event.meta;
    const verdict = this.#reader.read(record.offset, head.event);
    if (verdict !== "counted") {
      this.#abandon(`its own event was judged: ${verdict}`);
      return;
    }
    this.#pending.shift();
    this.streams.set(tenantId, head.after);
    this.#decider.readBack(head);
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
    this.#decider.clear();
    this.#pending = [];
    this.#deps.log.info({ log: this.#model.log, partition: this.partition, why }, "lost the partition");
    if (wasOwner) this.#acts.lost(this.partition);
  }

  #abandon(why: string): void {
    const owner = this.#owner;
    this.lost(why);
    owner?.abandon(why);
  }

  #rendered(tenantId: string): Rendered | null {
    const stream = this.streams.get(tenantId);
    if (stream === undefined) return null;
    return { version: stream.version, bytes: this.#model.toSnapshot(tenantId, stream) };
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
  async #setAside(record: BusRecord, error: unknown): Promise<void> {
    await toDeadLetters(this.#deps, this, record, error);
    this.#owner?.done(record.topic, record.offset);
  }
}

function isClaim(entry: LoggedEvent | Claimed): entry is Claimed {
  return entry.type === "Claimed";
}
