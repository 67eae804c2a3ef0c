import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";

/**
 * Waits until what SQLite wrote to its write-ahead log is on the disk, without holding up the event loop: SQLite commits
 * without waiting (synchronous = NORMAL), and this syncs the same file behind it. One sync is under way at a time;
 * whatever was written before it began is covered by it.
 */
export class Disk {
  readonly #walFile: string;
  #fd: number | undefined;
  #waiting: { resolve(): void; reject(error: Error): void }[] = [];
  #syncing = false;

  /** `file` is the SQLite database in WAL mode, opened and written to. */
  constructor(file: string) {
    this.#walFile = `${file}-wal`;
  }

  /** Resolves once all that was written before the call is on the disk. Rejects when the disk refuses. */
  synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (!this.#syncing) this.#sync();
    });
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

  #sync(): void {
    const covered = this.#waiting;
    this.#waiting = [];
    this.#syncing = true;
    fdatasync(this.#open(), (error) => {
      this.#syncing = false;
      for (const waiter of covered) {
        if (error === null) waiter.resolve();
        else waiter.reject(error);
      }
      if (this.#waiting.length > 0) this.#sync();
    });
  }

  #open(): number {
    this.#fd ??= openSync(this.#walFile, "r");
    return this.#fd;
  }
}
