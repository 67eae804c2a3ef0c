import type { BusRecord, Offset, Partition } from "../port.ts";
import type { Cursor } from "./cursor.ts";
import type { Place, Store } from "./store.ts";

/** One partition: its bounds, and the cursors that read it. */
export class PartitionLog {
  readonly place: Place;
  /** No record below it is stored. */
  low: Offset;
  /** Behind the last record that readers may see (Kafka's high watermark). */
  end: Offset;
  /** The offset that the next record gets: records from `end` to here are stored, and wait for the disk. */
  next: Offset;
  readonly cursors = new Set<Cursor>();
  readonly #store: Store;

  /** Whether an append waits for the disk. */
  readonly waitForDisk: boolean;

  constructor(store: Store, place: Place, low: Offset, end: Offset, waitForDisk: boolean) {
    this.waitForDisk = waitForDisk;
    this.#store = store;
    this.place = place;
    this.low = low;
    this.end = end;
    this.next = end;
  }

  get topic(): string {
    return this.place.topic;
  }

  get partition(): Partition {
    return this.place.partition;
  }

  /** Stored records from `from` on: a page of them; none if there are none. */
  read(from: Offset): BusRecord[] {
    return this.#store.page(this.place, from, this.end);
  }

  lastBefore(at: Offset): BusRecord | undefined {
    return this.#store.lastBefore(this.place, Math.min(at, this.end));
  }

  /** Takes note of records that are stored for good: readers that stand at the end get them from memory. */
  stored(batch: readonly BusRecord[]): void {
    this.end += batch.length;
    for (const cursor of this.cursors) cursor.offer(batch);
  }
}
