import { DatabaseSync } from "node:sqlite";

/** The gateway's two files: what it can rebuild, and what it cannot. */
export interface Databases {
  views: DatabaseSync;
  outbox: DatabaseSync;
}

/** Raised whenever a view's tables or meaning change: views of another version are dropped and rebuilt. */
const VIEWS_VERSION = 2;

const VIEWS_SCHEMA = `
  CREATE TABLE mirror (
    topic TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (topic, key)
  ) WITHOUT ROWID;
  CREATE TABLE mirrored (topic TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE audit (
    tenant_id TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, entry TEXT NOT NULL, reading TEXT NOT NULL,
    PRIMARY KEY (tenant_id, version)
  ) WITHOUT ROWID;
  CREATE TABLE positions (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    mark_at INTEGER NOT NULL, mark TEXT, PRIMARY KEY (topic, partition)
  ) WITHOUT ROWID;
  CREATE TABLE claims (partition INTEGER PRIMARY KEY, claim INTEGER NOT NULL);
  CREATE TABLE tenant_versions (tenant_id TEXT PRIMARY KEY, partition INTEGER NOT NULL, version INTEGER NOT NULL)
    WITHOUT ROWID;
  CREATE TABLE runs (
    tenant_id TEXT NOT NULL, run_id TEXT NOT NULL, pipeline_id TEXT NOT NULL, status TEXT NOT NULL,
    start_time INTEGER NOT NULL, listed INTEGER NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (tenant_id, run_id)
  );
  CREATE INDEX runs_newest ON runs (tenant_id, start_time, run_id);
  CREATE INDEX runs_of_pipeline ON runs (tenant_id, pipeline_id, start_time, run_id);
  CREATE INDEX runs_of_status ON runs (tenant_id, status, start_time, run_id);
`;

/** Added to views that are there: logs of before hold nothing that would be in it. */
const ADDED_SCHEMA = `
  CREATE TABLE IF NOT EXISTS orders (
    tenant_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind, id)
  ) WITHOUT ROWID;
`;

const OUTBOX_SCHEMA = `
  CREATE TABLE IF NOT EXISTS delivered_keys (
    key_id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, command_id TEXT NOT NULL, at INTEGER NOT NULL
  );
`;

/** Opens the gateway's files, made at need. */
export function openDatabases(file: string): Databases {
  return {
    views: new DatabaseSync(file),
    outbox: new DatabaseSync(file === ":memory:" ? file : `${file}-outbox`),
  };
}

/**
 * Prepares the tables. A power cut may take the views' last moments, since they are read again from the log; what
 * the outbox holds survives it.
 */
export function prepare({ views, outbox }: Databases): void {
  views.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  if (views.prepare("PRAGMA user_version").get()?.user_version !== VIEWS_VERSION) {
    transaction(views, () => {
      for (const table of views.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()) {
        views.exec(`DROP TABLE "${String(table.name)}"`);
      }
      views.exec(VIEWS_SCHEMA);
      views.exec(`PRAGMA user_version = ${VIEWS_VERSION}`);
    });
  }
  views.exec(ADDED_SCHEMA);
  outbox.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  outbox.exec(OUTBOX_SCHEMA);
}

/** Runs `work` in one transaction: all of it or nothing. */
export function transaction(database: DatabaseSync, work: () => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
