import type { BusRecord, Owner } from "@convergence/bus/port.ts";
import { type Checkpoint, decode, encode, type Message } from "@convergence/contracts";
import type { Timer } from "@convergence/runtime/clock.ts";
import { RETRY_MS, type WriterDeps } from "./deps.ts";
import { checkpointKey, cut, PART_BYTES, PartCollector, snapshotKey } from "./snapshot-parts.ts";

/** At most so many bytes of snapshots in one append, but for a single larger record. */
const APPEND_BYTES = 1_000_000;
/** At most so many records in one append. */
const APPEND_RECORDS = 500;

/** A tenant's snapshot, ready to be written. */
export interface Rendered {
  version: number;
  bytes: Buffer;
}

interface SnapshotRecord {
  key: string;
  value: Buffer;
}

/** One append: `whole` are the tenants whose snapshots are complete with it. */
interface Batch {
  records: SnapshotRecord[];
  whole: { tenantId: string; version: number; keys: string[] }[];
}

/**
 * Keeps a lane's snapshots: which tenants changed since theirs, and from where the log has to be folded.
 *
 * Each ownership writes under keys of its own (`tenant@epoch`), and readers take a tenant's highest version: so a
 * deposed owner that writes late cannot overwrite a newer snapshot. An ownership removes the keys that it replaced.
 * A snapshot that is too large for a record is cut into parts under keys of that version alone, and counts only once
 * all are stored; what it replaces is removed afterwards.
 */
export class SnapshotKeeper {
  /** Next offset of the log that is not folded yet. */
  position = 0;
  /** The latest counted claim below it; -1 for none. */
  claim = -1;
  readonly #deps: WriterDeps;
  readonly #render: (tenantId: string) => Rendered | null;
  readonly #dirty = new Set<string>();
  readonly #parts = new PartCollector();
  /** The keys that hold a tenant's latest whole snapshot. */
  readonly #stored = new Map<string, { version: number; keys: readonly string[] }>();
  /** Keys of older snapshots and checkpoints, and of what may be half written: removed once newer ones are stored. */
  readonly #stale = new Set<string>();
  #checkpoint: { offset: number; key: string } | undefined;
  #owner: Owner | undefined;
  #epoch = -1;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: WriterDeps, render: (tenantId: string) => Rendered | null) {
    this.#deps = deps;
    this.#render = render;
  }

  get foldFrom(): number | "low" {
    return this.#checkpoint?.offset ?? "low";
  }

  // Restoring -------------------------------------------------------------------------------------------------

  /**
   * Takes in a stored record. Returns the tenant's whole snapshot, with the keys that hold it, where the record is
   * one or is the last missing part of one.
   * @throws UnreadableRecord
   */
  read(record: BusRecord): { message: Message; keys: readonly string[] } | undefined {
    const { key, value } = record;
    if (value === null) {
      this.#stale.delete(key);
      return undefined;
    }
    const message = decode(value);
    if (message.type === "Checkpoint") {
      this.#restoreCheckpoint(key, message);
      return undefined;
    }
    if (message.type !== "SnapshotPart") return { message, keys: [key] };
    const whole = this.#parts.add(key, message);
    return whole === undefined ? undefined : { message: decode(whole.bytes), keys: whole.keys };
  }

  /** Takes note of a stored snapshot of a tenant. */
  restored(tenantId: string, version: number, keys: readonly string[]): void {
    if ((this.#stored.get(tenantId)?.version ?? -1) > version) this.#outdate(keys);
    else this.#replace(tenantId, version, keys);
  }

  /** The furthest checkpoint holds. */
  #restoreCheckpoint(key: string, { offset, claim }: Checkpoint): void {
    const known = this.#checkpoint;
    if (known !== undefined && known.offset > offset) {
      this.#stale.add(key);
      return;
    }
    if (known !== undefined && known.key !== key) this.#stale.add(known.key);
    this.#checkpoint = { offset, key };
    this.position = offset;
    this.claim = claim;
  }

  #replace(tenantId: string, version: number, keys: readonly string[]): void {
    this.#outdate(this.#stored.get(tenantId)?.keys ?? []);
    this.#stored.set(tenantId, { version, keys });
    for (const key of keys) this.#stale.delete(key);
  }

  #outdate(keys: readonly string[]): void {
    for (const key of keys) this.#stale.add(key);
  }

  // Writing ---------------------------------------------------------------------------------------------------

  /** The lane is owned from now on, under this epoch. */
  begin(owner: Owner, epoch: number): void {
    this.#owner = owner;
    this.#epoch = epoch;
    this.#outdate(this.#parts.leftOver());
    // Also where nothing changed: the claim must outlive its record in the log, or later claims follow none that counts.
    this.#schedule();
  }

  end(): void {
    this.#owner = undefined;
    this.#timer?.clear();
  }

  /** A tenant's folded state changed. */
  changed(tenantId: string): void {
    this.#dirty.add(tenantId);
    if (this.#owner !== undefined) this.#schedule();
  }

  #schedule(ms = this.#deps.snapshotMs): void {
    this.#timer ??= this.#deps.clock.after(ms, () => {
      this.#timer = undefined;
      void this.writeAll();
    });
  }

  /** Writes the snapshots of all changed tenants, then a checkpoint. Resolves when stored, or given up. */
  writeAll(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeAll()).catch((error) => this.#failed(error));
    return this.#writing;
  }

  /** Writes one tenant's snapshot. Rejects when it cannot be stored. */
  write(tenantId: string): Promise<void> {
    const written = this.#writing.then(() => this.#writeTenants([tenantId]));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #writeAll(): Promise<void> {
    // Taken first: what is folded meanwhile only makes the snapshots newer than the checkpoint says.
    const { position: offset, claim } = this;
    await this.#writeTenants([...this.#dirty]);
    if (this.#owner === undefined) return;
    if (offset !== this.#checkpoint?.offset) await this.#writeCheckpoint(this.#owner, offset, claim);
    await this.#removeStale();
  }

  async #writeCheckpoint(owner: Owner, offset: number, claim: number): Promise<void> {
    const key = checkpointKey(this.#epoch);
    const checkpoint: Checkpoint = { type: "Checkpoint", offset, claim, epoch: this.#epoch };
    await owner.appendSnapshots([{ key, value: encode(checkpoint) }]);
    if (this.#checkpoint !== undefined && this.#checkpoint.key !== key) this.#stale.add(this.#checkpoint.key);
    this.#checkpoint = { offset, key };
  }

  async #writeTenants(tenants: readonly string[]): Promise<void> {
    const unwritten = new Set(tenants);
    try {
      for (const { records, whole } of this.#batches(tenants)) {
        if (this.#owner === undefined) return;
        await this.#owner.appendSnapshots(records);
        for (const { tenantId, version, keys } of whole) {
          this.#replace(tenantId, version, keys);
          unwritten.delete(tenantId);
        }
      }
    } catch (error) {
      for (const tenantId of unwritten) this.#dirty.add(tenantId);
      throw error;
    }
  }

  /** Renders as it goes, so that no more than one append's snapshots are held. */
  *#batches(tenants: readonly string[]): Generator<Batch> {
    let batch: Batch = { records: [], whole: [] };
    let bytes = 0;
    for (const tenantId of tenants) {
      this.#dirty.delete(tenantId);
      const rendered = this.#render(tenantId);
      if (rendered === null) continue;
      const records = recordsOf(tenantId, this.#epoch, rendered);
      const keys = records.map(({ key }) => key);
      // Until the last one is stored the others are worth nothing.
      if (records.length > 1) this.#outdate(keys);
      for (const record of records) {
        const full = bytes + record.value.length > APPEND_BYTES || batch.records.length === APPEND_RECORDS;
        if (full && bytes > 0) {
          yield batch;
          [batch, bytes] = [{ records: [], whole: [] }, 0];
        }
        batch.records.push(record);
        bytes += record.value.length;
      }
      batch.whole.push({ tenantId, version: rendered.version, keys });
    }
    if (bytes > 0) yield batch;
  }

  async #removeStale(): Promise<void> {
    const keys = [...this.#stale];
    if (keys.length === 0 || this.#owner === undefined) return;
    await this.#owner.appendSnapshots(keys.map((key) => ({ key, value: null })));
    for (const key of keys) this.#stale.delete(key);
  }

  #failed(error: unknown): void {
    if (this.#owner === undefined) return;
    this.#deps.log.warn({ error: String(error) }, "snapshots could not be written; they are tried again");
    this.#schedule(Math.max(this.#deps.snapshotMs, RETRY_MS));
  }
}

function recordsOf(tenantId: string, epoch: number, { version, bytes }: Rendered): SnapshotRecord[] {
  if (bytes.length <= PART_BYTES) return [{ key: snapshotKey(tenantId, epoch), value: bytes }];
  return cut(tenantId, version, epoch, bytes).map(({ key, part }) => ({ key, value: encode(part) }));
}
