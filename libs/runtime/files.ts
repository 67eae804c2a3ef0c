import { link, open, unlink } from "node:fs/promises";
import path from "node:path";
import type { Random } from "./random.ts";

/**
 * Creates `file` durably and whole, or not at all: written to a neighbour, synced, then linked into place, so that a
 * crash leaves no half file and of two writers the first wins.
 * @returns false when there is a file of this name already; it is left as it is.
 */
export async function createFile(file: string, text: string, mode: number, random: Random): Promise<boolean> {
  const draft = `${file}.${random.uuid()}.new`;
  await writeDurably(draft, text, mode);
  try {
    await link(draft, file);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(draft);
  }
  await syncFolder(path.dirname(file));
  return true;
}

/** The system's code of a failed call (ENOENT, EACCES, ...), or the error's text where it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, "wx", mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
