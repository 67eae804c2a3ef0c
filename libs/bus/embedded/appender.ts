import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import { type BusRecord, BusUnavailable, type Headers, type Offset } from "../port.ts";
import type { Disk } from "./disk.ts";
import type { PartitionLog } from "./log.ts";
import type { Dispatcher } from "./reader.ts";
import type { Position, Store } from "./store.ts";

/** A record whose partition is known. */
export interface Addressed {
  log: PartitionLog;
  key: string;
  value: Uint8Array | null;
  headers: Headers;
}

/** What is stored, to be published. */
interface Stored {
  settled: { append: PendingAppend; offsets: Offset[] }[];
  batches: [PartitionLog, BusRecord[]][];
}

interface PendingAppend {
  records: readonly Addressed[];
  resolve(offsets: Offset[]): void;
  reject(error: Error): void;
}

/**
 * Group commit: all that is asked to be appended within one turn of the event loop shares one transaction. Committed
 * offsets ride along. What must survive a power cut is answered and shown once the disk has it, which is waited for
 * off the event loop; transactions that gather meanwhile share the next wait.
 */
export class Appender {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher;
  readonly #defer: (run: () => void) => void;
  readonly #observe: (log: PartitionLog) => void;
  #pending: PendingAppend[] = [];
  /** Stored, and waiting for the disk, in order. */
  readonly #unsynced: Stored[] = [];
  #positions = new Map<string, Position>();
  #scheduled = false;
  #retry: Timer | undefined;
  #closed = false;

  /** `observe` is told of each partition in which something was stored. */
  constructor(
    store: Store,
    clock: Clock,
    dispatcher: Dispatcher,
    defer: (run: () => void) => void,
    observe: (log: PartitionLog) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#dispatcher = dispatcher;
    this.#defer = defer;
    this.#observe = observe;
  }

  /** @throws BusUnavailable when the bus is closed or the file refuses the write. */
  append(records: readonly Addressed[]): Promise<Offset[]> {
    if (this.#closed) return Promise.reject(new BusUnavailable("the bus is closed"));
    if (records.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.#pending.push({ records, resolve, reject });
      this.#schedule();
    });
  }

  /** Stores a committed offset with the next transaction. */
  position(position: Position): void {
    this.#positions.set(JSON.stringify([position.group, position.topic, position.partition]), position);
    this.#schedule();
  }

  /** Resolves once all that was handed over before is stored. */
  async stored(): Promise<void> {
    if (this.#closed) return;
    await new Promise<Offset[]>((resolve, reject) => {
      this.#pending.push({ records: [], resolve, reject });
      this.#schedule();
    });
  }

  /** Writes what waits, now, and delivers it. */
  flush(): void {
    const appends = this.#pending;
    const positions = this.#positions;
    if (appends.length === 0 && positions.size === 0) return;
    this.#pending = [];
    this.#positions = new Map();
    const batches = new Map<PartitionLog, BusRecord[]>();
    const offsets = this.#assignOffsets(appends, batches);
    try {
      this.#store.write(
        [...batches].map(([log, batch]) => ({ place: log.place, batch })),
        positions.values(),
      );
    } catch (error) {
      this.#refused(appends, positions, error);
      return;
    }
    for (const [log, batch] of batches) log.next += batch.length;
    const settled = appends.map((append, i) => ({ append, offsets: offsets[i] ?? [] }));
    const { disk } = this.#store;
    const waits = ({ waitForDisk }: PartitionLog) => disk !== null && waitForDisk;
    const [late, now] = partition([...batches], ([log]) => waits(log));
    const [unsynced, done] = partition(settled, ({ append }) => append.records.some(({ log }) => waits(log)));
    this.#publish({ settled: done, batches: now });
    if (disk !== null && unsynced.length > 0)
      this.#publishOnceSynced(disk, { settled: unsynced, batches: late });
  }

  /** Answers appends and lets readers see their records. */
  #publish({ settled, batches }: Stored): void {
    for (const { append, offsets } of settled) append.resolve(offsets);
    if (batches.length === 0) return;
    this.#dispatcher.deliver(() => {
      for (const [log, batch] of batches) {
        log.stored(batch);
        this.#observe(log);
      }
    });
  }

  #publishOnceSynced(disk: Disk, stored: Stored): void {
    this.#unsynced.push(stored);
    disk.synced((error) => {
      if (error !== null) this.#broken(error);
      // Published already where `close` has waited for the disk itself.
      else if (this.#unsynced[0] === stored) this.#publish(this.#unsynced.shift() ?? stored);
    });
  }

  /** A disk that refused once may have lost anything: nothing is taken any more, and nothing unsure is shown. */
  #broken(error: unknown): void {
    this.#closed = true;
    const unavailable = new BusUnavailable("the bus file's disk refused a sync: restart", { cause: error });
    for (const { settled } of this.#unsynced.splice(0))
      for (const { append } of settled) append.reject(unavailable);
    for (const { reject } of this.#pending.splice(0)) reject(unavailable);
  }

  /** Writes what waits and takes nothing more. */
  close(): void {
    this.#closed = true;
    this.#retry?.clear();
    this.flush();
    if (this.#unsynced.length === 0) return;
    this.#store.disk?.syncNow();
    for (const stored of this.#unsynced.splice(0)) this.#publish(stored);
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#defer(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #assignOffsets(appends: readonly PendingAppend[], batches: Map<PartitionLog, BusRecord[]>): Offset[][] {
    const time = this.#clock.now();
    return appends.map(({ records }) =>
      records.map(({ log, key, value, headers }) => {
        const batch = batches.get(log) ?? [];
        if (batch.length === 0) batches.set(log, batch);
        const offset = log.next + batch.length;
        batch.push({ topic: log.topic, partition: log.partition, offset, key, value, headers, time });
        return offset;
      }),
    );
  }

  /** Appends fail at once; committed offsets have no one to tell, so they are tried again. */
  #refused(appends: readonly PendingAppend[], positions: Map<string, Position>, error: unknown): void {
    const message = error instanceof Error ? error.message : "unknown error";
    for (const { reject } of appends) {
      reject(new BusUnavailable(`the bus file refused a write: ${message}`, { cause: error }));
    }
    if (positions.size === 0 || this.#closed) return;
    this.#positions = new Map([...positions, ...this.#positions]);
    this.#retry?.clear();
    this.#retry = this.#clock.after(1_000, () => this.#schedule());
  }
}

function partition<T>(items: readonly T[], first: (item: T) => boolean): [T[], T[]] {
  const groups: [T[], T[]] = [[], []];
  for (const item of items) groups[first(item) ? 0 : 1].push(item);
  return groups;
}
