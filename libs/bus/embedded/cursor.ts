import type { BusRecord, Offset } from "../port.ts";
import type { PartitionLog } from "./log.ts";
import type { Reader } from "./reader.ts";

/** What a cursor does with what it reads. */
export interface CursorOptions {
  handle(record: BusRecord): void;
  /** False while the next record must wait (back-pressure); asked once `until` is reached. */
  open?(): boolean;
  /** Calls `reached` once, as soon as all before `until` is handled and before anything later is. */
  until?: { offset: Offset; reached(): void };
}

const NOTHING: readonly BusRecord[] = [];

/** A place in one partition, moved forward by its reader. */
export class Cursor {
  readonly log: PartitionLog;
  /** The next offset to handle. */
  position: Offset;
  closed = false;
  readonly #reader: Reader;
  readonly #options: CursorOptions;
  #until: CursorOptions["until"];
  #buffer = NOTHING;
  #index = 0;

  /** Made by Reader.read. */
  constructor(reader: Reader, log: PartitionLog, from: Offset, options: CursorOptions) {
    this.#reader = reader;
    this.log = log;
    this.position = from;
    this.#options = options;
    this.#until = options.until;
    log.cursors.add(this);
  }

  /** Records that were just stored: kept if they are the next to read, else they are read from the file later. */
  offer(batch: readonly BusRecord[]): void {
    if (this.position === batch[0]?.offset) {
      this.#buffer = batch;
      this.#index = 0;
    }
    this.#reader.notify(this);
  }

  /** Something changed that may let this cursor go on. */
  notify(): void {
    this.#reader.notify(this);
  }

  /** Handles at most `limit` records; returns how many. Less than `limit`: nothing more to do for now. */
  drain(limit: number): number {
    let handled = 0;
    while (handled < limit && !this.closed) {
      if (!this.#until && this.#options.open?.() === false) break;
      const record = this.#peek();
      if (this.#passUntil(record)) continue;
      if (!record) break;
      this.#step(record);
      handled++;
      this.#options.handle(record);
    }
    return handled;
  }

  close(): void {
    this.closed = true;
    this.#buffer = NOTHING;
    this.log.cursors.delete(this);
  }

  #step(record: BusRecord): void {
    this.position = record.offset + 1;
    // What is read is let go: idle cursors hold no memory.
    if (++this.#index >= this.#buffer.length) this.#buffer = NOTHING;
  }

  #peek(): BusRecord | undefined {
    if (this.#index < this.#buffer.length) return this.#buffer[this.#index];
    if (this.position >= this.log.end) return undefined;
    this.#buffer = this.log.read(this.position);
    this.#index = 0;
    if (this.#buffer.length === 0) this.position = this.log.end;
    return this.#buffer[0];
  }

  /** True when `until` was reached just now. */
  #passUntil(next: BusRecord | undefined): boolean {
    const until = this.#until;
    if (!until || (next ? next.offset < until.offset : this.position < until.offset)) return false;
    this.#until = undefined;
    this.position = Math.max(this.position, until.offset);
    until.reached();
    return true;
  }
}
