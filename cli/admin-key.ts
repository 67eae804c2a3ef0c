import { readFile } from "node:fs/promises";
import { type Config, createFile, type Random, StartError } from "@convergence/runtime";
import { isLoopback } from "./host.ts";

/** The admin key, and the file that it is kept in where none was given. */
export interface AdminKey {
  key: string;
  file: string | null;
}

/**
 * ADMIN_API_KEY, or on loopback one made at the first start and kept in `file` (mode 0600).
 * @throws StartError where a gateway that others can reach has none
 */
export async function adminKey(config: Config, file: string, random: Random): Promise<AdminKey> {
  if (config.ADMIN_API_KEY !== undefined) return { key: config.ADMIN_API_KEY, file: null };
  if (!isLoopback(config.HOST)) {
    throw new StartError(
      `HOST is ${config.HOST}, which others can reach, and ADMIN_API_KEY is not set`,
      "Set ADMIN_API_KEY to 16 or more random characters, or HOST to 127.0.0.1.",
    );
  }
  await createFile(file, `${Buffer.from(random.bytes(24)).toString("base64url")}\n`, 0o600, random);
  return { key: (await readFile(file, "utf8")).trim(), file };
}
