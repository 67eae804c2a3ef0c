import { rowKey } from "../merge/check.ts";
import { partitionRange } from "../merge/parameters.ts";
import {
  type DropJob,
  type Field,
  type JobError,
  type MergeJob,
  type QueryJob,
  type TableRef,
  type TableShape,
  WarehouseError,
} from "../port.ts";

/** A row as Warehouse.read would give it. */
export type Row = Record<string, unknown>;

interface Table {
  createdAt: number;
  fields: Field[];
  /** `partition` is the `$…` of the destination that wrote the row. */
  rows: { values: Row; partition: string | null }[];
}

interface Dataset {
  labels: Record<string, string>;
  tables: Map<string, Table>;
}

/** What a job did: rows written, or why it failed. */
export type Effect = { rows: number; result?: Row[] } | { error: JobError };

/** Datasets, tables and rows in memory, changed at once and whole. */
export class Tables {
  readonly #now: () => number;
  readonly #datasets = new Map<string, Dataset>();
  #lastCreated = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  labels(dataset: string): Record<string, string> | null {
    return this.#datasets.get(dataset)?.labels ?? null;
  }

  createDataset(dataset: string, labels: Record<string, string>): "created" | "exists" {
    if (this.#datasets.has(dataset)) return "exists";
    this.#datasets.set(dataset, { labels: { ...labels }, tables: new Map() });
    return "created";
  }

  find(ref: TableRef): Table | null {
    return this.#datasets.get(ref.dataset)?.tables.get(ref.table) ?? null;
  }

  /** @throws WarehouseError notFound for a missing dataset. */
  createTable(ref: TableRef, shape: Pick<TableShape, "schema">): "created" | "exists" {
    const dataset = this.#datasets.get(ref.dataset);
    if (dataset === undefined) throw new WarehouseError("notFound", `Not found: Dataset ${ref.dataset}`);
    if (dataset.tables.has(ref.table)) return "exists";
    this.#lastCreated = Math.max(this.#now(), this.#lastCreated + 1);
    dataset.tables.set(ref.table, { createdAt: this.#lastCreated, fields: shape.schema.fields, rows: [] });
    return "created";
  }

  deleteTable(ref: TableRef): void {
    this.#datasets.get(ref.dataset)?.tables.delete(ref.table);
  }

  drop({ dataset, table }: DropJob["what"]): Effect {
    if (table === undefined) this.#datasets.delete(dataset);
    else this.deleteTable({ dataset, table });
    return { rows: 0 };
  }

  /** A query's destination, written whole or not at all. */
  write(to: NonNullable<QueryJob["destination"]>, rows: Row[]): Effect {
    if (!this.#datasets.has(to.dataset)) return notFound(`Dataset ${to.dataset}`);
    const [name = "", partition = null] = to.table.split("$");
    const ref = { dataset: to.dataset, table: name };
    this.createTable(ref, { schema: { fields: [] } });
    const table = this.find(ref);
    if (table === null) return notFound(`Table ${to.dataset}.${name}`);
    if (to.write === "WRITE_EMPTY" && table.rows.length > 0) {
      return { error: { reason: "duplicate", message: `Already Exists: Table ${to.dataset}.${name}` } };
    }
    if (to.write === "WRITE_TRUNCATE") {
      table.rows = partition === null ? [] : table.rows.filter((row) => row.partition !== partition);
    }
    table.rows.push(...rows.map((values) => ({ values, partition })));
    return { rows: rows.length };
  }

  /** A merge's rows, as merge/statement.ts says it in SQL. */
  merge(job: MergeJob): Effect {
    const table = this.find(job.table);
    if (table === null) return notFound(`Table ${job.table.dataset}.${job.table.table}`);
    const unknown = job.columns.find((c) => !table.fields.some((field) => field.name === c.name));
    if (unknown) return { error: { reason: "invalidQuery", message: `Unrecognized name: ${unknown.name}` } };
    const rows = job.rows.map((row) => storedRow(job, row));
    const within = partitionFilter(job);
    const mayMatch = table.rows.filter((row) => within(row.values));
    const byKey = new Map(mayMatch.map((row) => [rowKey(job, row.values), row.values]));
    const inserts = rows.filter((row) => !byKey.has(rowKey(job, row)) && complete(job, row));
    const lacking = table.fields.find(
      (f) => f.mode === "REQUIRED" && inserts.some((row) => row[f.name] == null),
    );
    if (lacking) {
      return { error: { reason: "invalid", message: `Required field ${lacking.name} cannot be null` } };
    }
    let written = inserts.length;
    for (const row of rows) {
      const old = byKey.get(rowKey(job, row));
      if (old && isNewer(row[job.version], old[job.version])) {
        update(job, old, row);
        written += 1;
      }
    }
    for (const row of inserts)
      table.rows.push({ values: { ...blank(table.fields), ...row }, partition: null });
    return { rows: written };
  }
}

export function notFound(what: string): { error: JobError } {
  return { error: { reason: "notFound", message: `Not found: ${what}` } };
}

function complete(job: MergeJob, row: Row): boolean {
  return job.required.every((name) => row[name] != null);
}

function update(job: MergeJob, old: Row, row: Row): void {
  for (const { name } of job.columns) {
    if (job.keys.includes(name) || name === job.partition) continue;
    if (row[name] != null) old[name] = row[name];
    else if (job.emptied?.includes(name)) old[name] = null;
  }
}

function blank(fields: Field[]): Row {
  return Object.fromEntries(fields.map((field) => [field.name, field.mode === "REPEATED" ? [] : null]));
}

/** T.partition BETWEEN @lo AND @hi: a row elsewhere is not seen, as in BigQuery. */
function partitionFilter(job: MergeJob): (row: Row) => boolean {
  const range = partitionRange(job);
  const { partition } = job;
  if (range === null || partition === null) return () => true;
  const [lo, hi] = [Date.parse(range.lo), Date.parse(range.hi)];
  return (row) => {
    const at = Date.parse(String(row[partition]));
    return at >= lo && at <= hi;
  };
}

/** Numbers by size; times, all in UTC, by their text, where a longer fraction of one second is the later one. */
function isNewer(version: unknown, than: unknown): boolean {
  if (than == null) return true;
  if (typeof version === "number" && typeof than === "number") return version > than;
  const text = (value: unknown) => String(value).replace(/Z$/, "");
  return text(version) > text(than);
}

function storedRow(job: MergeJob, row: MergeJob["rows"][number]): Row {
  const given = job.columns.filter((c) => row[c.name] != null);
  return Object.fromEntries(given.map((c) => [c.name, stored(c.type, row[c.name])]));
}

function stored(type: string, value: unknown): unknown {
  switch (type) {
    case "JSON":
      return JSON.parse(String(value));
    case "INT64":
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "NUMERIC":
      return String(value);
    case "TIMESTAMP":
      return instant(String(value));
    case "ARRAY<STRING>":
      return Array.isArray(value) ? [...value] : value;
    default:
      return value;
  }
}

/** RFC 3339 in UTC, with microseconds only where there are some. */
function instant(text: string): string {
  const millis = new Date(text).toISOString();
  const micros = (/\.(\d+)/.exec(text)?.[1] ?? "").padEnd(6, "0").slice(3, 6);
  return micros === "000" ? millis : `${millis.slice(0, -1)}${micros}Z`;
}
