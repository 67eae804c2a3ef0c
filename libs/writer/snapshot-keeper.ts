import type { BusRecord, Owner } from "@convergence/bus/port.ts";
import { type Checkpoint, encode } from "@convergence/contracts";
import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { WriterLog } from "./model.ts";

/** At most so many snapshots in one append. */
const SNAPSHOTS_PER_APPEND = 200;
/** Milliseconds before snapshots that could not be written are tried again, at least. */
const RETRY_MS = 100;

export interface KeeperDeps {
  clock: Clock;
  log: WriterLog;
  snapshotMs: number;
}

/**
 * Keeps a lane's snapshots: which tenants changed since theirs, and from where the log has to be folded.
 *
 * Each ownership writes under keys of its own (`tenant@epoch`), and readers take a tenant's highest version: so a
 * deposed owner that writes late cannot overwrite a newer snapshot. An ownership removes the keys that it replaced.
 */
export class SnapshotKeeper {
  /** Next offset of the log that is not folded yet. */
  position = 0;
  /** The latest counted claim below it; -1 for none. */
  claim = -1;
  readonly #deps: KeeperDeps;
  readonly #render: (tenantId: string) => Uint8Array | null;
  readonly #dirty = new Set<string>();
  /** The key that holds a tenant's latest snapshot. */
  readonly #keys = new Map<string, { version: number; key: string }>();
  /** Keys of older snapshots and checkpoints, to be removed once newer ones are stored. */
  readonly #stale = new Set<string>();
  #checkpoint: { offset: number; key: string } | undefined;
  #owner: Owner | undefined;
  #epoch = -1;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: KeeperDeps, render: (tenantId: string) => Uint8Array | null) {
    this.#deps = deps;
    this.#render = render;
  }

  get foldFrom(): number | "low" {
    return this.#checkpoint?.offset ?? "low";
  }

  /** Takes in a stored snapshot of a tenant. */
  restored(record: BusRecord, tenantId: string, version: number): void {
    const known = this.#keys.get(tenantId);
    if (known !== undefined && known.version > version) {
      this.#stale.add(record.key);
      return;
    }
    if (known !== undefined && known.key !== record.key) this.#stale.add(known.key);
    this.#keys.set(tenantId, { version, key: record.key });
  }

  /** Takes in a stored checkpoint; the furthest one holds. */
  restoredCheckpoint(record: BusRecord, { offset, claim }: Checkpoint): void {
    const known = this.#checkpoint;
    if (known !== undefined && known.offset > offset) {
      this.#stale.add(record.key);
      return;
    }
    if (known !== undefined && known.key !== record.key) this.#stale.add(known.key);
    this.#checkpoint = { offset, key: record.key };
    this.position = offset;
    this.claim = claim;
  }

  /** The lane is owned from now on, under this epoch. */
  begin(owner: Owner, epoch: number): void {
    this.#owner = owner;
    this.#epoch = epoch;
    if (this.#dirty.size > 0) this.#schedule();
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
    const written = this.#writing.then(() => this.#append([tenantId]));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #writeAll(): Promise<void> {
    // Taken first: what is folded meanwhile only makes the snapshots newer than the checkpoint says.
    const { position: offset, claim } = this;
    const tenants = [...this.#dirty];
    for (let first = 0; first < tenants.length; first += SNAPSHOTS_PER_APPEND) {
      await this.#append(tenants.slice(first, first + SNAPSHOTS_PER_APPEND));
    }
    if (this.#owner === undefined || offset === this.#checkpoint?.offset) return;
    const key = `checkpoint@${this.#epoch}`;
    const checkpoint: Checkpoint = { type: "Checkpoint", offset, claim, epoch: this.#epoch };
    await this.#owner.appendSnapshots([{ key, value: encode(checkpoint) }]);
    if (this.#checkpoint !== undefined && this.#checkpoint.key !== key) this.#stale.add(this.#checkpoint.key);
    this.#checkpoint = { offset, key };
    await this.#removeStale();
  }

  async #append(tenants: string[]): Promise<void> {
    if (this.#owner === undefined) return;
    const records = tenants.flatMap((tenantId) => {
      const value = this.#render(tenantId);
      return value === null ? [] : [{ key: `${tenantId}@${this.#epoch}`, value }];
    });
    for (const tenantId of tenants) this.#dirty.delete(tenantId);
    try {
      await this.#owner.appendSnapshots(records);
    } catch (error) {
      for (const tenantId of tenants) this.#dirty.add(tenantId);
      throw error;
    }
    for (const tenantId of tenants) {
      const key = `${tenantId}@${this.#epoch}`;
      const known = this.#keys.get(tenantId);
      if (known !== undefined && known.key !== key) this.#stale.add(known.key);
      this.#keys.set(tenantId, { version: Number.MAX_SAFE_INTEGER, key });
    }
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
