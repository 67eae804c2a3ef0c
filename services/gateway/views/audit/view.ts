import type { DatabaseSync } from "node:sqlite";
import type { BusRecord } from "@convergence/bus";
import { decodeAs, TENANT_EVENTS_TYPES, type TenantEventsMessage } from "@convergence/contracts";
import { LogReader, type Verdict } from "@convergence/log";
import type { GatewayDeps } from "../../deps.ts";
import { transaction } from "../database.ts";
import { Follower } from "../follower.ts";
import { type AuditEntry, auditEntry } from "./entry.ts";

const EVENTS = "tenant.events";
const FLUSH_MS = 100;
/** Rows that are waited with at most before they are stored: a transaction of some milliseconds. */
const FLUSH_ROWS = 1_000;

/** An entry in its place in a tenant's log. */
export interface PlacedEntry extends AuditEntry {
  /** The tenant's version that it made. */
  version: number;
  /** Unix milliseconds. */
  at: number;
}

type Row = [tenantId: string, version: number, at: number, entry: string];

/**
 * What was done to each tenant and its keys: tenant.events folded, which is kept for ever. It is read whole at each
 * start, so that nothing stale is trusted; the entries are in SQLite, not in memory.
 */
export class AuditView {
  readonly follower: Follower;
  readonly #deps: GatewayDeps;
  readonly #database: DatabaseSync;
  #readers = new Map<number, LogReader>();
  /** Names what is read since reading began. */
  #reading = "";
  #unstored: Row[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(deps: GatewayDeps, database: DatabaseSync) {
    this.#deps = deps;
    this.#database = database;
    const whole = database.prepare("SELECT 1 FROM mirrored WHERE topic = ?").get(EVENTS) !== undefined;
    this.follower = new Follower({
      bus: deps.bus,
      clock: deps.clock,
      log: deps.log,
      metrics: deps.metrics,
      name: `gateway:${EVENTS}`,
      topics: [EVENTS],
      from: async () => {
        this.#readers = new Map();
        this.#unstored = [];
        this.#reading = deps.random.uuid();
        return "low";
      },
      fold: (record) => this.#fold(record),
      current: () => this.#forgetOthers(),
      canServeStale: () => whole,
    });
  }

  /** A tenant's entries, newest first: at most `limit`, below version `before`. `tenantId` in lower case. */
  list(tenantId: string, limit: number, before: number): PlacedEntry[] {
    this.#flush();
    return this.#database
      .prepare(
        "SELECT version, at, entry FROM audit WHERE tenant_id = ? AND version < ? ORDER BY version DESC LIMIT ?",
      )
      .all(tenantId, before, limit)
      .map(({ version, at, entry }) => {
        const stored: AuditEntry = JSON.parse(String(entry));
        return { ...stored, credential: stored.credential ?? null, version: Number(version), at: Number(at) };
      });
  }

  async stop(): Promise<void> {
    await this.follower.stop();
    this.#flush();
    this.#stopped = true;
  }

  #fold({ value, partition, offset }: BusRecord): void {
    let message: TenantEventsMessage;
    try {
      message = decodeAs(value, TENANT_EVENTS_TYPES);
    } catch (err) {
      this.#deps.metrics.unreadable(EVENTS);
      this.#deps.log.error(
        { err, topic: EVENTS, partition, offset },
        "a record cannot be read: it is left out",
      );
      return;
    }
    if (this.#judge(partition, offset, message) !== "counted" || message.type === "Claimed") return;
    const entry = auditEntry(message);
    if (entry === null) return;
    const { tenant_id, version, at } = message.meta;
    this.#unstored.push([tenant_id, version, at, JSON.stringify(entry)]);
    if (this.#unstored.length >= FLUSH_ROWS) this.#flush();
    else this.#schedule();
  }

  #judge(partition: number, offset: number, message: TenantEventsMessage): Verdict {
    const reader = this.#readers.get(partition) ?? new LogReader();
    this.#readers.set(partition, reader);
    return reader.read(offset, message);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#deps.clock.after(FLUSH_MS, () => {
      this.#scheduled = false;
      if (!this.#stopped) this.#flush();
    });
  }

  /** What cannot be stored is tried again with what comes next. */
  #flush(): void {
    if (this.#unstored.length === 0) return;
    const put = this.#database.prepare(
      "INSERT OR REPLACE INTO audit (tenant_id, version, at, entry, reading) VALUES (?, ?, ?, ?, ?)",
    );
    try {
      transaction(this.#database, () => {
        for (const row of this.#unstored) put.run(...row, this.#reading);
      });
      this.#unstored = [];
    } catch (err) {
      this.#deps.log.error({ err }, "the audit log's view cannot be stored: trying again");
      this.#schedule();
    }
  }

  /** What an earlier reading left that is not in the log: it was another log. */
  #forgetOthers(): void {
    this.#flush();
    this.#database.prepare("DELETE FROM audit WHERE reading <> ?").run(this.#reading);
    this.#database.prepare("INSERT OR IGNORE INTO mirrored (topic) VALUES (?)").run(EVENTS);
  }
}
