import { Catalog, type Dataset, type Table } from "./catalog.ts";
import type { StoredRoutine } from "./routines.ts";
import type { Session } from "./session.ts";

/** A job's record as a row. `open`: not done yet. */
export interface StoredJob {
  id: string;
  created: number;
  open: boolean;
  record: string;
}

/** A change of the catalog, applied in memory once its transaction is committed. */
export type CatalogChange = (catalog: Catalog) => void;

/** One transaction of the only writer: statements, and changes of what is stored about datasets, tables and jobs. */
export class Transaction {
  readonly session: Session;
  /** What to apply to the catalog after the commit. */
  readonly changes: CatalogChange[] = [];
  readonly #committed: Catalog;
  #own: Catalog | undefined;

  constructor(session: Session, committed: Catalog) {
    this.session = session;
    this.#committed = committed;
  }

  /** The catalog with this transaction's own changes. */
  get catalog(): Catalog {
    return this.#own ?? this.#committed;
  }

  /** Begins anew, as if nothing had been done. */
  async restart(): Promise<void> {
    await this.session.run("ROLLBACK");
    await this.session.run("BEGIN TRANSACTION");
    this.#own = undefined;
    this.changes.length = 0;
  }

  /** Has something done once the transaction is committed. */
  afterCommit(done: () => void): void {
    this.changes.push(done);
  }

  #apply(change: CatalogChange): void {
    this.#own ??= copyOf(this.#committed);
    change(this.#own);
    this.changes.push(change);
  }

  async putDataset(d: Dataset): Promise<void> {
    await this.#forgetDataset(d.project, d.dataset);
    await this.session.run("INSERT INTO bq.datasets VALUES ($1, $2, $3, $4, $5)", [
      d.project,
      d.dataset,
      BigInt(d.created),
      BigInt(d.modified),
      JSON.stringify(d.metadata),
    ]);
    this.#apply((c) => c.putDataset(d));
  }

  async removeDataset(project: string, dataset: string): Promise<void> {
    await this.#forgetDataset(project, dataset);
    this.#apply((c) => c.removeDataset(project, dataset));
  }

  async #forgetDataset(project: string, dataset: string): Promise<void> {
    await this.session.run("DELETE FROM bq.datasets WHERE project = $1 AND dataset = $2", [project, dataset]);
  }

  async putTable(table: Table): Promise<void> {
    await this.#forgetTable(table);
    await this.session.run("INSERT INTO bq.tables VALUES ($1, $2, $3, $4, $5, $6, $7)", [
      table.name.project,
      table.name.dataset,
      table.name.table,
      BigInt(table.created),
      BigInt(table.modified),
      JSON.stringify(table.fields),
      JSON.stringify(table.metadata),
    ]);
    this.#apply((c) => c.putTable(table));
  }

  async removeTable(table: Table): Promise<void> {
    await this.#forgetTable(table);
    this.#apply((c) => c.removeTable(table.name));
  }

  async #forgetTable({ name }: Table): Promise<void> {
    await this.session.run('DELETE FROM bq.tables WHERE project = $1 AND dataset = $2 AND "table" = $3', [
      name.project,
      name.dataset,
      name.table,
    ]);
  }

  async putRoutine(routine: StoredRoutine): Promise<void> {
    await this.#forgetRoutine(routine);
    const { name, sql, created, modified } = routine;
    const values = [name.project, name.dataset, name.routine, BigInt(created), BigInt(modified), sql];
    await this.session.run("INSERT INTO bq.routines VALUES ($1, $2, $3, $4, $5, $6)", values);
    this.#apply((c) => c.putRoutine(routine));
  }

  async removeRoutine(routine: StoredRoutine): Promise<void> {
    await this.#forgetRoutine(routine);
    this.#apply((c) => c.removeRoutine(routine.name));
  }

  async #forgetRoutine({ name }: StoredRoutine): Promise<void> {
    const sql = "DELETE FROM bq.routines WHERE project = $1 AND dataset = $2 AND routine = $3";
    await this.session.run(sql, [name.project, name.dataset, name.routine]);
  }

  /** Stores the record of a job that has none. Rejects where the id is taken. */
  async insertJob({ id, created, open, record }: StoredJob): Promise<void> {
    await this.session.repeat("INSERT INTO bq.jobs VALUES ($1, $2, $3, $4)", [
      id,
      BigInt(created),
      open,
      record,
    ]);
  }

  /** Stores the records of jobs, but of those whose id is taken. */
  async addJobs(jobs: StoredJob[]): Promise<void> {
    const lists = ["VARCHAR", "BIGINT", "BOOLEAN", "VARCHAR"].map(
      (type, i) => `unnest(from_json($${i + 1}, '["${type}"]'))`,
    );
    await this.session.run(`INSERT OR IGNORE INTO bq.jobs SELECT ${lists.join(", ")}`, [
      JSON.stringify(jobs.map((job) => job.id)),
      JSON.stringify(jobs.map((job) => job.created)),
      JSON.stringify(jobs.map((job) => job.open)),
      JSON.stringify(jobs.map((job) => job.record)),
    ]);
  }

  /** Forgets a job. */
  async deleteJob(id: string): Promise<void> {
    await this.session.run("DELETE FROM bq.jobs WHERE id = $1", [id]);
  }

  /** Replaces the record of a job that has one. */
  async updateJob({ id, open, record }: StoredJob): Promise<void> {
    await this.session.run("UPDATE bq.jobs SET open = $2, record = $3 WHERE id = $1", [id, open, record]);
  }
}

/** A catalog that a transaction may change before it is known to be committed. */
function copyOf(catalog: Catalog): Catalog {
  const copy = new Catalog();
  for (const [key, dataset] of catalog.datasets) copy.datasets.set(key, dataset);
  for (const [key, table] of catalog.tables) copy.tables.set(key, table);
  for (const [key, routine] of catalog.routines) copy.routines.set(key, routine);
  copy.version = catalog.version;
  return copy;
}
