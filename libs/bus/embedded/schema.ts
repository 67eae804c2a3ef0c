import { DatabaseSync } from "node:sqlite";
import { BusFileError } from "./errors.ts";
import { asNumber } from "./row.ts";

/** Marks a SQLite file as this bus's ("CVBS"). */
const APPLICATION_ID = 0x43564253;
/** The file format's version. A change of the tables below raises it and adds a migration. */
export const FORMAT_VERSION = 1;

const TABLES = `
  CREATE TABLE topics (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, cleanup TEXT NOT NULL, retention_ms INTEGER,
    incarnation TEXT NOT NULL
  ) STRICT;
  -- low: no record below it is stored; next: no offset below it is given out again.
  CREATE TABLE partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL REFERENCES topics (name), partition INTEGER NOT NULL,
    low INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition)
  ) STRICT;
  CREATE TABLE records (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, key TEXT NOT NULL, headers TEXT, value BLOB
  ) STRICT;
  CREATE TABLE positions (
    grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, note TEXT,
    PRIMARY KEY (grp, topic, partition)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * Opens the file, locks it for this process, and makes or checks its tables.
 * The lock is the operating system's on the file, so it ends with the process, however that ends.
 */
export function prepareFile(file: string): DatabaseSync {
  const db = openDatabase(file);
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.exec("PRAGMA journal_mode = WAL");
    // Copying the write-ahead log into the file stalls appends: rarely (each 16 MB) rather than often.
    db.exec("PRAGMA wal_autocheckpoint = 4000");
    // A commit does not wait for the disk; what must, waits outside of SQLite (disk.ts).
    db.exec("PRAGMA synchronous = NORMAL");
    db.exec("BEGIN EXCLUSIVE");
    checkOrCreate(db, file);
    db.exec("COMMIT");
    return db;
  } catch (error) {
    db.close();
    throw explain(error, file);
  }
}

function openDatabase(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw explain(error, file);
  }
}

function checkOrCreate(db: DatabaseSync, file: string): void {
  const application = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  const tables = asNumber(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n);
  if (application === 0 && tables === 0) {
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${FORMAT_VERSION}`);
    db.exec(TABLES);
    return;
  }
  if (application !== APPLICATION_ID) {
    throw new BusFileError(`${file} is a SQLite file, but not a bus file`, "Use another data folder.");
  }
  if (version > FORMAT_VERSION) {
    throw new BusFileError(
      `${file} was written by a newer version: its format is ${version}, this one reads up to ${FORMAT_VERSION}`,
      "Use that version, or another data folder.",
    );
  }
}

function pragma(db: DatabaseSync, name: "application_id" | "user_version"): number {
  return asNumber(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_NOTADB = 26;

function explain(error: unknown, file: string): Error {
  if (error instanceof BusFileError) return error;
  const code = sqliteCode(error);
  if (code === SQLITE_BUSY || code === SQLITE_LOCKED) {
    return new BusFileError(
      `${file} is in use by another process`,
      "Stop that one, or use another data folder.",
      error,
    );
  }
  if (code === SQLITE_NOTADB) {
    return new BusFileError(`${file} is not a bus file`, "Use another data folder.", error);
  }
  const message = error instanceof Error ? error.message : "unknown error";
  const remedy = "Check that its folder exists and is writable, and that the disk has room.";
  return new BusFileError(`${file} cannot be opened: ${message}`, remedy, error);
}

/** SQLite's primary result code. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number")
    return undefined;
  return error.errcode & 0xff;
}
