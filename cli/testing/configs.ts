import { cp, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const root = path.join(import.meta.dirname, "..", "..");

/** A folder of its own with the configs of a checkout, and further templates of gcp/example by their names. */
export async function configsWith(
  templates: Readonly<Record<string, string>>,
  checkout = root,
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "convergence-configs-"));
  await cp(path.join(checkout, "configs"), folder, { recursive: true });
  for (const [name, text] of Object.entries(templates)) {
    await writeFile(path.join(folder, "gcp", "example", `${name}.yml`), text);
  }
  return folder;
}
