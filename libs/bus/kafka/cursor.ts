import type { BusRecord, Offset, Partition } from "../port.ts";
import { busRecord, type StoredRecord } from "./fetch.ts";
import type { Topic } from "./topics.ts";

export interface CursorOptions {
  handle(record: BusRecord): void;
  /** False: nothing is handed over for now. Whoever makes it true again notifies the reader. */
  open?(): boolean;
  /** `reached` is called once, before the first record at or behind `offset`. */
  until?: { offset: Offset; reached(): void };
}

const NOTHING: StoredRecord[] = [];

/** A place in one partition from which records are handed over in order. */
export class Cursor {
  readonly topic: Topic;
  readonly partition: Partition;
  /** The next offset to handle. */
  position: Offset;
  /** The next offset to ask the brokers for. */
  next: Offset;
  /** A fetch for it is under way. */
  flying = false;
  /** Until then, by the clock, no fetch asks for it: see `receiveOwn`. */
  restsUntil = 0;
  closed = false;
  readonly #options: CursorOptions;
  #until: CursorOptions["until"];
  #buffer = NOTHING;
  #index = 0;

  constructor(topic: Topic, partition: Partition, from: Offset, options: CursorOptions) {
    this.topic = topic;
    this.partition = partition;
    this.position = from;
    this.next = from;
    this.#options = options;
    this.#until = options.until;
  }

  /** Whether a fetch for it makes sense now. */
  get hungry(): boolean {
    return !this.closed && !this.flying && this.#index >= this.#buffer.length;
  }

  /** Takes what a fetch read. Batches come whole: their first records may lie below what was asked for. */
  receive(records: readonly StoredRecord[]): void {
    const last = records.at(-1);
    if (!last || this.closed) return;
    const asked = this.next;
    this.#buffer = records.filter(
      ({ offset, isControlRecord }) => !isControlRecord && Number(offset) >= asked,
    );
    this.#index = 0;
    this.next = Math.max(asked, Number(last.offset) + 1);
    this.#settle();
  }

  /**
   * Handles records that this process appended itself, where they come next: an acknowledgement says where they are,
   * so that they need not be fetched. False where something else stands before them, or may: then they come by fetch.
   */
  receiveOwn(records: readonly BusRecord[]): boolean {
    const [first] = records;
    const isNext = records.every(({ offset }, n) => offset === this.position + n);
    if (this.closed || this.#until || first === undefined || !isNext) return false;
    if (this.#index < this.#buffer.length || this.next !== first.offset) return false;
    for (const record of records) {
      if (this.closed) break;
      this.jump(record.offset + 1);
      this.#options.handle(record);
    }
    return true;
  }

  /** Goes on elsewhere: where it stood is not stored (any more). */
  jump(to: Offset): void {
    this.next = to;
    this.#settle();
  }

  /** Handles at most `limit` records; returns how many. Less than `limit`: nothing more to do for now. */
  drain(limit: number): number {
    let handled = 0;
    while (handled < limit && !this.closed) {
      if (!this.#until && this.#options.open?.() === false) break;
      const stored = this.#buffer[this.#index];
      const offset = stored ? Number(stored.offset) : this.position;
      if (this.#passUntil(offset)) continue;
      if (!stored) break;
      this.#index++;
      this.position = offset + 1;
      this.#settle();
      handled++;
      this.#options.handle(busRecord(this.topic.spec.name, this.partition, stored));
    }
    return handled;
  }

  close(): void {
    this.closed = true;
    this.#buffer = NOTHING;
  }

  /** With nothing left to handle, it stands where the next fetch begins; what is read is let go. */
  #settle(): void {
    if (this.#index < this.#buffer.length) return;
    this.#buffer = NOTHING;
    this.#index = 0;
    this.position = this.next;
  }

  /** True when `until` was reached just now. */
  #passUntil(offset: Offset): boolean {
    const until = this.#until;
    if (!until || offset < until.offset) return false;
    this.#until = undefined;
    until.reached();
    return true;
  }
}
