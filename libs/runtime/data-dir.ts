import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createFile, errorCode } from "./files.ts";
import type { Random } from "./random.ts";
import { StartError } from "./start-error.ts";

/** The data folder, held by this process alone until `close`. */
export interface DataDir {
  /** Absolute. */
  readonly path: string;
  close(): Promise<void>;
}

/** The version of what a data folder holds. Raised by a release that older ones cannot read. */
export const DATA_VERSION = 1;

const FORMAT_FILE = "format";
const LOCK_FILE = "lock";
const OWNER_FILE = "owner";

/**
 * Opens the data folder, makes it (mode 0700) where there is none, and takes it for this process.
 * @throws StartError when it cannot be written, another process holds it, or its data is of a newer version.
 */
export async function openDataDir(folder: string, random: Random): Promise<DataDir> {
  const absolute = path.resolve(folder);
  try {
    await mkdir(absolute, { recursive: true, mode: 0o700 });
    const lock = await takeLock(absolute);
    try {
      await checkFormat(absolute, random);
    } catch (error) {
      lock.close();
      throw error;
    }
    return { path: absolute, close: async () => lock.close() };
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `the data folder ${absolute} cannot be written (${errorCode(error)})`,
      "Give this user write access, or set CONVERGENCE_DATA_DIR to another folder.",
      error,
    );
  }
}

/**
 * The lock is the operating system's, on a SQLite file: it ends with its process however that dies, and no pid that
 * was given out anew (every container has a pid 1) can pass for the owner. `owner` only serves the error's text.
 */
async function takeLock(folder: string): Promise<{ close(): void }> {
  const database = new DatabaseSync(path.join(folder, LOCK_FILE), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    const owner = await readFile(path.join(folder, OWNER_FILE), "utf8").catch(() => "another process");
    throw new StartError(
      `the data folder ${folder} is in use by ${owner.trim()}`,
      "End that process first, or set CONVERGENCE_DATA_DIR to another folder.",
    );
  }
  try {
    await writeFile(path.join(folder, OWNER_FILE), `process ${process.pid}\n`);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** SQLite's SQLITE_BUSY, 5. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === 5;
}

async function checkFormat(folder: string, random: Random): Promise<void> {
  const file = path.join(folder, FORMAT_FILE);
  await createFile(file, `convergence-data ${DATA_VERSION}\n`, 0o600, random);
  const version = /^convergence-data (\d+)\n$/.exec(await readFile(file, "utf8"))?.[1];
  if (version === undefined) {
    throw new StartError(`${file} is damaged`, "Restore the data folder from a backup, or set another one.");
  }
  if (Number(version) > DATA_VERSION) {
    throw new StartError(
      `the data folder ${folder} holds data of a newer version (${version}; this program reads ${DATA_VERSION})`,
      "Start the release that wrote it, or a later one.",
    );
  }
}
