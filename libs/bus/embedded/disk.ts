import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";

/**
 * A disk that answers faster than this, in milliseconds, is waited for in place: waking a thread and being woken by it
 * takes about as long.
 */
const QUICK_MS = 1;
/** How much the latest wait counts for in the running mean. */
const WEIGHT = 0.1;

type Done = (error: Error | null) => void;

/**
 * Waits until what SQLite wrote to its write-ahead log is on the disk: SQLite commits without waiting
 * (synchronous = NORMAL), and this syncs the same file behind it. A quick disk is waited for in place; with a slow one
 * the event loop goes on meanwhile, one sync is under way at a time, and what was written before it began is covered.
 */
export class Disk {
  readonly #walFile: string;
  #fd: number | undefined;
  #waiting: Done[] = [];
  #syncing = false;
  /** Running mean of how long a sync takes, in milliseconds. */
  #meanMs = 0;

  /** `file` is the SQLite database in WAL mode, opened and written to. */
  constructor(file: string) {
    this.#walFile = `${file}-wal`;
  }

  /** Calls `done` once all that was written before is on the disk, in order of the calls; perhaps at once. */
  synced(done: Done): void {
    this.#waiting.push(done);
    if (this.#syncing) return;
    if (this.#meanMs < QUICK_MS) this.#syncInPlace();
    else this.#sync();
  }

  /** Waits for the disk at once. @throws when the disk refuses */
  syncNow(): void {
    fdatasyncSync(this.#open());
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #syncInPlace(): void {
    const begun = performance.now();
    let error: Error | null = null;
    try {
      this.syncNow();
    } catch (caught) {
      error = caught instanceof Error ? caught : new Error(String(caught));
    }
    this.#ended(begun, this.#waiting.splice(0), error);
  }

  #sync(): void {
    const begun = performance.now();
    const covered = this.#waiting.splice(0);
    this.#syncing = true;
    fdatasync(this.#open(), (error) => {
      this.#syncing = false;
      this.#ended(begun, covered, error);
      if (this.#waiting.length > 0) this.#sync();
    });
  }

  #ended(begun: number, covered: Done[], error: Error | null): void {
    this.#meanMs += (performance.now() - begun - this.#meanMs) * WEIGHT;
    for (const done of covered) done(error);
  }

  #open(): number {
    this.#fd ??= openSync(this.#walFile, "r");
    return this.#fd;
  }
}
