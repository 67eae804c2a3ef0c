import { cp, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const configs = path.join(import.meta.dirname, "..", "..", "configs");

/** A folder of its own with the project's configs, and further templates of gcp/example by their names. */
export async function configsWith(templates: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "convergence-configs-"));
  await cp(configs, folder, { recursive: true });
  for (const [name, text] of Object.entries(templates)) {
    await writeFile(path.join(folder, "gcp", "example", `${name}.yml`), text);
  }
  return folder;
}
