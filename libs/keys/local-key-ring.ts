import { readFile } from "node:fs/promises";
import { createFile, errorCode } from "@convergence/runtime/files.ts";
import type { Random } from "@convergence/runtime/random.ts";
import { StartError } from "@convergence/runtime/start-error.ts";
import { envelopeEncryption } from "./envelope.ts";
import type { KeyEncryption } from "./port.ts";

/** What the key file holds: one JSON object. `key` is the 256-bit key-encryption key in base64. */
interface KeyFile {
  format: typeof FORMAT;
  version: number;
  key: string;
}

const FORMAT = "convergence-key-ring";
const VERSION = 1;
const KEY_BYTES = 32;

/**
 * Envelope encryption by a key that is kept in a file: for a laptop and for compose; production uses Cloud KMS.
 * The file (mode 0600) is made at the first use. One that is there is never replaced, broken or not: whatever was
 * encrypted under it would be lost.
 * @throws StartError when the file cannot be made or read, is not a key file, or is of a newer version.
 */
export async function localKeyRing(file: string, random: Random): Promise<KeyEncryption> {
  const text = (await read(file)) ?? (await create(file, random));
  return envelopeEncryption(parse(file, text), random);
}

async function read(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw new StartError(
      `key file ${file} cannot be read (${errorCode(error)})`,
      "Give this user read access to it.",
      error,
    );
  }
}

/** Of two processes that start at once the second finds the first one's key. */
async function create(file: string, random: Random): Promise<string> {
  const content: KeyFile = {
    format: FORMAT,
    version: VERSION,
    key: Buffer.from(random.bytes(KEY_BYTES)).toString("base64"),
  };
  try {
    await createFile(file, `${JSON.stringify(content)}\n`, 0o600, random);
    return await readFile(file, "utf8");
  } catch (error) {
    throw new StartError(
      `key file ${file} cannot be made (${errorCode(error)})`,
      "Give this user write access to its folder, on a file system with hard links.",
      error,
    );
  }
}

function parse(file: string, text: string): Uint8Array {
  const content = fromJson(text);
  if (content === null) {
    throw new StartError(
      `key file ${file} is damaged or no key file`,
      "Restore it from a backup: without it no stored key or credential can be decrypted. It is never made anew by itself.",
    );
  }
  if (content.version !== VERSION) {
    throw new StartError(
      `key file ${file} is of version ${content.version}; this program reads version ${VERSION}`,
      "Start the release that wrote it, or a later one.",
    );
  }
  return Buffer.from(content.key, "base64");
}

function fromJson(text: string): KeyFile | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  if (!("format" in value) || value.format !== FORMAT) return null;
  if (!("version" in value) || typeof value.version !== "number") return null;
  if (value.version !== VERSION) return { format: FORMAT, version: value.version, key: "" };
  if (!("key" in value) || typeof value.key !== "string" || !isKey(value.key)) return null;
  return { format: FORMAT, version: value.version, key: value.key };
}

/** Exactly 32 bytes in canonical base64: a key that lost a character must not pass for another key. */
function isKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === KEY_BYTES && bytes.toString("base64") === text;
}
