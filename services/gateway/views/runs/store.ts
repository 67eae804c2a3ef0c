import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transaction } from "../database.ts";
import type { OrderChange, Orders } from "./orders.ts";
import type { RunRow } from "./row.ts";

/** How far a partition was folded, and what shows that it is still the same log. */
export interface Position {
  topic: string;
  partition: number;
  offset: number;
  markAt: number;
  mark: string | null;
}

/** A run's row as it was when it was copied, ready to be bound. */
export type StoredRow = [
  tenantId: string,
  runId: string,
  pipelineId: string,
  status: string,
  startTime: number,
  listed: number,
  detail: string,
];

/** What one transaction stores: all that follows from the records below the positions. */
export interface Batch {
  rows: StoredRow[];
  orders: OrderChange[];
  claims: [partition: number, claim: number][];
  versions: [tenantId: string, partition: number, version: number][];
  positions: Position[];
}

/** Which runs of a tenant to list. Times are Unix milliseconds. */
export interface RunFilter {
  pipelineId?: string | undefined;
  status?: string | undefined;
  /** Inclusive. */
  from?: number | undefined;
  /** Exclusive. */
  to?: number | undefined;
}

/** The place of a run in a list, newest first. */
export interface RunPlace {
  startTime: number;
  runId: string;
}

/** A copy of the row as it is now. */
export function storedRow(row: RunRow): StoredRow {
  const { tenantId, runId, pipelineId, status, startTime, listed } = row;
  return [tenantId, runId, pipelineId, status, startTime, listed ? 1 : 0, JSON.stringify(row)];
}

/** The runs view's tables. */
export class RunStore {
  readonly #database: DatabaseSync;
  readonly #statements: Record<"put" | "get" | "claim" | "version" | "position", StatementSync>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = {
      put: database.prepare(
        `INSERT INTO runs (tenant_id, run_id, pipeline_id, status, start_time, listed, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (tenant_id, run_id) DO UPDATE SET pipeline_id = excluded.pipeline_id, status = excluded.status,
         start_time = excluded.start_time, listed = excluded.listed, detail = excluded.detail`,
      ),
      get: database.prepare("SELECT detail FROM runs WHERE tenant_id = ? AND run_id = ?"),
      claim: database.prepare("INSERT OR REPLACE INTO claims (partition, claim) VALUES (?, ?)"),
      version: database.prepare(
        "INSERT OR REPLACE INTO tenant_versions (tenant_id, partition, version) VALUES (?, ?, ?)",
      ),
      position: database.prepare(
        "INSERT OR REPLACE INTO positions (topic, partition, offset, mark_at, mark) VALUES (?, ?, ?, ?, ?)",
      ),
    };
  }

  /** Stores batches, oldest first, in one transaction. */
  write(batches: readonly Batch[], orders: Pick<Orders, "write">): void {
    transaction(this.#database, () => {
      for (const batch of batches) {
        this.#write(batch);
        orders.write(batch.orders);
      }
    });
  }

  get(tenantId: string, runId: string): RunRow | undefined {
    const found = this.#statements.get.get(tenantId, runId);
    return found === undefined ? undefined : readRow(found.detail);
  }

  /** Newest first; at most `limit`, from behind `after`. */
  list(tenantId: string, filter: RunFilter, limit: number, after: RunPlace | null): RunRow[] {
    const where = ["tenant_id = ?", "listed = 1"];
    const values: (string | number)[] = [tenantId];
    const add = (condition: string, ...more: (string | number | undefined)[]) => {
      const given = more.filter((value) => value !== undefined);
      if (given.length !== more.length) return;
      where.push(condition);
      values.push(...given);
    };
    add("pipeline_id = ?", filter.pipelineId);
    add("status = ?", filter.status);
    add("start_time >= ?", filter.from);
    add("start_time < ?", filter.to);
    if (after !== null) add("(start_time, run_id) < (?, ?)", after.startTime, after.runId);
    const query = `SELECT detail FROM runs WHERE ${where.join(" AND ")}
      ORDER BY start_time DESC, run_id DESC LIMIT ?`;
    return this.#database
      .prepare(query)
      .all(...values, limit)
      .map(({ detail }) => readRow(detail));
  }

  /** How many runs a tenant has started since that count against its quota, and how many are open. */
  usage(tenantId: string, since: number): { started: number; open: number } {
    const count = (condition: string, ...values: (string | number)[]) =>
      Number(
        this.#database
          .prepare(`SELECT count(*) AS n FROM runs WHERE tenant_id = ? AND listed = 1 AND ${condition}`)
          .get(tenantId, ...values)?.n ?? 0,
      );
    return {
      started: count(
        "start_time >= ? AND detail ->> 'kind' = 'accepted' AND detail ->> 'triggerType' <> 'onboarding'",
        since,
      ),
      open: count("status IN ('PENDING', 'RUNNING')"),
    };
  }

  positions(): Position[] {
    return this.#database
      .prepare("SELECT topic, partition, offset, mark_at, mark FROM positions")
      .all()
      .map((row) => ({
        topic: String(row.topic),
        partition: Number(row.partition),
        offset: Number(row.offset),
        markAt: Number(row.mark_at),
        mark: typeof row.mark === "string" ? row.mark : null,
      }));
  }

  claims(): Map<number, number> {
    const rows = this.#database.prepare("SELECT partition, claim FROM claims").all();
    return new Map(rows.map(({ partition, claim }) => [Number(partition), Number(claim)]));
  }

  /** Tenants' last counted versions, by partition. */
  versions(): Map<number, [string, number][]> {
    const versions = new Map<number, [string, number][]>();
    for (const row of this.#database
      .prepare("SELECT tenant_id, partition, version FROM tenant_versions")
      .all()) {
      const of = versions.get(Number(row.partition)) ?? [];
      versions.set(Number(row.partition), of);
      of.push([String(row.tenant_id), Number(row.version)]);
    }
    return versions;
  }

  /** Forgets everything: the log is another one. */
  clear(): void {
    transaction(this.#database, () => {
      this.#database.exec(
        "DELETE FROM runs; DELETE FROM orders; DELETE FROM claims; DELETE FROM tenant_versions; DELETE FROM positions",
      );
    });
  }

  #write(batch: Batch): void {
    const { put, claim, version, position } = this.#statements;
    for (const row of batch.rows) put.run(...row);
    for (const entry of batch.claims) claim.run(...entry);
    for (const entry of batch.versions) version.run(...entry);
    for (const p of batch.positions) position.run(p.topic, p.partition, p.offset, p.markAt, p.mark);
  }

  /** Drops runs and backfills that are over and older than `horizon`; a transaction a tenant. */
  prune(horizon: number): void {
    const tenants = this.#database.prepare("SELECT tenant_id FROM tenant_versions").all();
    const prune = this.#database.prepare(
      `DELETE FROM runs WHERE tenant_id = ? AND start_time < ? AND status NOT IN ('PENDING', 'RUNNING')`,
    );
    for (const { tenant_id } of tenants) prune.run(String(tenant_id), horizon);
    this.#database
      .prepare("DELETE FROM orders WHERE kind = 'backfill' AND json_extract(detail, '$.endedAt') < ?")
      .run(horizon);
  }
}

function readRow(detail: unknown): RunRow {
  const row: RunRow = JSON.parse(String(detail));
  return row;
}
