/** A tenant's inbox: the one folder of this machine that its steps read files from. */
import { constants } from "node:fs";
import { type FileHandle, glob, open, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { StepFailed } from "./step-type.ts";

const MAX_FILES = 1_000;

export interface InboxFile {
  /** Within the tenant's folder. */
  name: string;
  path: string;
}

/**
 * The files that the patterns name, each once, in the order of their names.
 * @throws StepFailed where a pattern names none, or a way out of the tenant's folder
 */
export async function inboxFiles(
  inbox: string | null,
  tenant: string,
  patterns: readonly string[],
): Promise<InboxFile[]> {
  if (inbox === null) throw new StepFailed("This runner has no inbox: set CONVERGENCE_INBOX to its folder.");
  const folder = await tenantFolder(inbox, tenant);
  const found = new Map<string, InboxFile>();
  for (const pattern of patterns) {
    if (path.isAbsolute(pattern) || pattern.split(/[/\\]/).includes("..")) {
      throw new StepFailed(`${pattern} does not stay in the tenant's inbox folder.`);
    }
    const before = found.size;
    let matched = 0;
    for await (const entry of glob(pattern, { cwd: folder, withFileTypes: true })) {
      if (entry.isDirectory()) continue;
      matched += 1;
      const full = path.join(entry.parentPath, entry.name);
      const name = path.relative(folder, full);
      found.set(name, { name, path: full });
      if (found.size > MAX_FILES)
        throw new StepFailed(`${pattern} names more than ${MAX_FILES} files: name fewer.`);
    }
    if (matched === 0 && found.size === before) {
      throw new StepFailed(
        `No file of the tenant's inbox folder is ${pattern}: put it there, or mend the name.`,
      );
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function tenantFolder(inbox: string, tenant: string): Promise<string> {
  const folder = path.join(await real(inbox, "The inbox folder (CONVERGENCE_INBOX)"), tenant);
  if ((await real(folder, "The tenant's inbox folder")) !== folder) {
    throw new StepFailed("The tenant's inbox folder is a symbolic link: make it a folder.");
  }
  return folder;
}

async function real(folder: string, what: string): Promise<string> {
  try {
    return await realpath(folder);
  } catch {
    throw new StepFailed(`${what} is missing on this runner: make it, with the files in it.`);
  }
}

/**
 * Opens a file that `inboxFiles` found. Links are not followed, on no part of the path: what was opened is what the path
 * names once it is open.
 * @throws StepFailed
 */
export async function openInboxFile({
  name,
  path: full,
}: InboxFile): Promise<{ file: FileHandle; size: number }> {
  const refused = new StepFailed(
    `${name} is a link or no plain file: copy the file itself into the inbox folder.`,
  );
  const file = await open(full, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ELOOP") throw refused;
      throw new StepFailed(`${name} of the inbox folder cannot be read (${error.code}).`);
    },
  );
  try {
    const [opened, named, place] = await Promise.all([file.stat(), stat(full), realpath(full)]);
    const isIt = place === full && named.ino === opened.ino && named.dev === opened.dev;
    if (!isIt || !opened.isFile()) throw refused;
    return { file, size: opened.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The line, from 1, in which byte `position` of a file is; null where the file cannot be read any more. */
export async function lineAt(inboxFile: InboxFile, position: number): Promise<number | null> {
  try {
    const { file } = await openInboxFile(inboxFile);
    let line = 1;
    if (position === 0) await file.close();
    else {
      for await (const piece of file.createReadStream({ end: position - 1 })) {
        for (const byte of Buffer.from(piece)) if (byte === 0x0a) line += 1;
      }
    }
    return line;
  } catch {
    return null;
  }
}
