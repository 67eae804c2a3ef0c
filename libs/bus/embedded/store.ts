import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { BusRecord, Headers, Offset, Partition } from "../port.ts";
import { Disk } from "./disk.ts";
import { BusFileError } from "./errors.ts";
import { asNumber, asText, asTextOrNull, asValue } from "./row.ts";
import { prepareFile } from "./schema.ts";

/**
 * A record's row id is its partition's id times this, plus its offset: records of a partition lie side by side
 * and in order, and one integer key needs no second index.
 */
export const OFFSETS_PER_PARTITION = 2 ** 40;
/** The largest partition id with which row ids stay exact as numbers. */
export const MAX_PARTITION_ID = 2 ** 13 - 1;

const PAGE_RECORDS = 500;
const PAGE_BYTES = 1024 * 1024;

/** Where a partition's records are: its id in the file, and what the records do not say of themselves. */
export interface Place {
  readonly id: number;
  readonly topic: string;
  readonly partition: Partition;
}

/** A group's committed offset: the next one to read, and the reader's note. */
export interface Position {
  group: string;
  topic: string;
  partition: Partition;
  offset: Offset;
  note: string | null;
}

/** What compaction and retention look at. */
export interface RecordHead {
  offset: Offset;
  time: number;
  key: string;
  tombstone: boolean;
}

/** The SQLite file (or ":memory:"): records, committed offsets, low marks. All calls are synchronous. */
export class Store {
  readonly #db: DatabaseSync;
  /** To wait for the disk by; null where nothing waits for it: in memory, or synchronous "normal". */
  readonly disk: Disk | null;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #page: StatementSync;
  readonly #last: StatementSync;
  readonly #heads: StatementSync;
  readonly #delete: StatementSync;
  readonly #bounds: StatementSync;
  readonly #position: StatementSync;

  /** @throws BusFileError when the file is in use, not ours, of a newer version or cannot be opened. */
  constructor(file: string, synchronous: "full" | "normal") {
    this.#db = prepareFile(file);
    this.disk = synchronous === "full" && file !== ":memory:" ? new Disk(file) : null;
    const range = "FROM records WHERE id >= ? AND id < ?";
    this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#db.prepare("COMMIT");
    this.#insert = this.#db.prepare(
      "INSERT INTO records (id, time, key, headers, value) VALUES (?, ?, ?, ?, ?)",
    );
    this.#page = this.#db.prepare(`SELECT id, time, key, headers, value ${range} ORDER BY id LIMIT ?`);
    this.#last = this.#db.prepare(`SELECT id, time, key, headers, value ${range} ORDER BY id DESC LIMIT 1`);
    this.#heads = this.#db.prepare(
      `SELECT id, time, key, value IS NULL AS tombstone ${range} ORDER BY id LIMIT ?`,
    );
    this.#delete = this.#db.prepare("DELETE FROM records WHERE id = ?");
    this.#bounds = this.#db.prepare("UPDATE partitions SET low = ?, next = ? WHERE id = ?");
    this.#position = this.#db.prepare(
      `INSERT INTO positions (grp, topic, partition, next, note) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (grp, topic, partition) DO UPDATE SET next = excluded.next, note = excluded.note`,
    );
  }

  /** The open database, for the topic table. */
  get db(): DatabaseSync {
    return this.#db;
  }

  /**
   * Stores records and committed offsets in one transaction: all of it, or nothing. Safe from a killed process when it
   * returns; from a power cut once `disk` has synced.
   */
  write(
    records: Iterable<{ place: Place; batch: readonly BusRecord[] }>,
    positions: Iterable<Position>,
  ): void {
    this.transaction(() => {
      for (const { place, batch } of records) {
        const base = place.id * OFFSETS_PER_PARTITION;
        for (const r of batch)
          this.#insert.run(base + r.offset, r.time, r.key, headersText(r.headers), r.value);
      }
      for (const p of positions) this.#position.run(p.group, p.topic, p.partition, p.offset, p.note);
    });
  }

  /** Runs `body` in a transaction of its own. */
  transaction(body: () => void): void {
    this.#begin.run();
    try {
      body();
      this.#commit.run();
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** The stored records of `place` from `from` to before `to`, as many as make a page: none means there are none. */
  page(place: Place, from: Offset, to: Offset): BusRecord[] {
    const base = place.id * OFFSETS_PER_PARTITION;
    const records: BusRecord[] = [];
    let bytes = 0;
    for (const row of this.#page.iterate(base + from, base + to, PAGE_RECORDS)) {
      const record = toRecord(place, row);
      records.push(record);
      bytes += record.value?.byteLength ?? 0;
      if (bytes >= PAGE_BYTES) break;
    }
    return records;
  }

  /** The last stored record of `place` before `at`. */
  lastBefore(place: Place, at: Offset): BusRecord | undefined {
    const base = place.id * OFFSETS_PER_PARTITION;
    const row = this.#last.get(base, base + at);
    return row && toRecord(place, row);
  }

  /** At most `limit` record heads of `place` from `from` to before `to`, without their values. */
  heads(place: Place, from: Offset, to: Offset, limit: number): RecordHead[] {
    const base = place.id * OFFSETS_PER_PARTITION;
    return this.#heads.all(base + from, base + to, limit).map((row) => ({
      offset: asNumber(row.id) - base,
      time: asNumber(row.time),
      key: asText(row.key),
      tombstone: row.tombstone === 1,
    }));
  }

  /** Deletes records and keeps `low` and `next`, so that no offset is ever given out twice. */
  remove(place: Place, offsets: readonly Offset[], low: Offset, next: Offset): void {
    const base = place.id * OFFSETS_PER_PARTITION;
    this.transaction(() => {
      for (const offset of offsets) this.#delete.run(base + offset);
      this.#bounds.run(low, next, place.id);
    });
  }

  /** All committed offsets. */
  positions(): Position[] {
    return this.#db
      .prepare("SELECT grp, topic, partition, next, note FROM positions")
      .all()
      .map((row) => ({
        group: asText(row.grp),
        topic: asText(row.topic),
        partition: asNumber(row.partition),
        offset: asNumber(row.next),
        note: asTextOrNull(row.note),
      }));
  }

  close(): void {
    if (!this.#db.isOpen) return;
    try {
      this.disk?.close();
      this.#db.close();
    } catch (error) {
      throw new BusFileError("closing the bus file failed", "Check the disk.", error);
    }
  }
}

function toRecord(place: Place, row: Record<string, unknown>): BusRecord {
  const headers = asTextOrNull(row.headers);
  return {
    topic: place.topic,
    partition: place.partition,
    offset: asNumber(row.id) - place.id * OFFSETS_PER_PARTITION,
    key: asText(row.key),
    value: asValue(row.value),
    headers: headers === null ? NO_HEADERS : parseHeaders(headers),
    time: asNumber(row.time),
  };
}

/** Shared by all records without headers. */
export const NO_HEADERS: Headers = Object.freeze({});

function headersText(headers: Headers): string | null {
  if (headers === NO_HEADERS) return null;
  const text = JSON.stringify(headers);
  return text === "{}" ? null : text;
}

function parseHeaders(text: string): Headers {
  const parsed: Record<string, string> = JSON.parse(text);
  return parsed;
}
