import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import { type BusRecord, BusUnavailable, type Headers, type Offset } from "../port.ts";
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

interface PendingAppend {
  records: readonly Addressed[];
  resolve(offsets: Offset[]): void;
  reject(error: Error): void;
}

/**
 * Group commit: all that is asked to be appended within one turn of the event loop shares one transaction, so one
 * write to the disk. Committed offsets ride along.
 */
export class Appender {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher;
  readonly #defer: (run: () => void) => void;
  readonly #observe: (log: PartitionLog) => void;
  #pending: PendingAppend[] = [];
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
        // A committed offset that is lost is a record read again.
        [...batches.keys()].some((log) => log.waitForDisk),
      );
    } catch (error) {
      this.#refused(appends, positions, error);
      return;
    }
    appends.forEach((append, i) => {
      append.resolve(offsets[i] ?? []);
    });
    this.#dispatcher.deliver(() => {
      for (const [log, batch] of batches) {
        log.stored(batch);
        this.#observe(log);
      }
    });
  }

  /** Writes what waits and takes nothing more. */
  close(): void {
    this.#closed = true;
    this.#retry?.clear();
    this.flush();
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
        const offset = log.end + batch.length;
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
