/** The templates of a configs/ folder. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseTemplate } from "./parse-template.ts";
import type { Fault, Template, TemplateName } from "./types.ts";

const NAME = /^[A-Za-z0-9_-]+$/;
/** Holds the schemas of the metadata tables, no templates. */
const METADATA_FOLDER = "metadata";
/** More than any template needs; a file beyond it is not read. */
const MAX_BYTES = 1_048_576;

export interface Catalogue {
  /** A template by its path; undefined when there is none, and when it has faults. Names are never file paths. */
  find(provider: string, domain: string, name: string): Template | undefined;
  /** All templates without faults, by provider, domain and name. */
  list(): Template[];
  /** The faults of one template; empty when it has none or does not exist. */
  faultsOf(provider: string, domain: string, name: string): Fault[];
  /** All faults, by file, line and column. */
  readonly faults: readonly Fault[];
}

/**
 * Reads every configs/{provider}/{domain}/{name}.yml. Broken templates are left out and told of in `faults`.
 * @throws Error of node:fs when `dir` cannot be read.
 */
export async function loadCatalogue(dir: string): Promise<Catalogue> {
  const templates = new Map<string, Template>();
  const faults = new Map<string, Fault[]>();
  const root = basename(dir);
  const found = await findFiles(dir);
  for (const { file, name } of found.files) {
    const loaded = await load(join(dir, file), `${root}/${file}`, name);
    if ("template" in loaded) templates.set(keyOf(name), loaded.template);
    else faults.set(keyOf(name), loaded.faults);
  }
  const misplaced = found.misplaced.map(({ file, message }) => fileFault(`${root}/${file}`, message));
  return {
    find: (provider, domain, name) => templates.get(keyOf({ provider, domain, name })),
    list: () => [...templates.values()],
    faultsOf: (provider, domain, name) => faults.get(keyOf({ provider, domain, name })) ?? [],
    faults: [...faults.values(), misplaced].flat().sort((a, b) => compare(a.file, b.file)),
  };
}

/** The files of a catalogue, and those that are none though they look so. */
interface Found {
  files: { file: string; name: TemplateName }[];
  misplaced: { file: string; message: string }[];
}

export async function findFiles(dir: string): Promise<Found> {
  const found: Found = { files: [], misplaced: [] };
  for (const provider of await folders(dir, "", found)) {
    if (provider === METADATA_FOLDER) continue;
    for (const domain of await folders(dir, provider, found)) {
      for (const entry of await entries(join(dir, provider, domain))) {
        sortOut(
          `${provider}/${domain}/${entry}`,
          { provider, domain, name: entry.replace(/\.yml$/, "") },
          found,
        );
      }
    }
  }
  return found;
}

function sortOut(file: string, name: TemplateName, found: Found): void {
  if (file.endsWith(".yaml")) found.misplaced.push({ file, message: "is not read: rename it to .yml" });
  if (!file.endsWith(".yml")) return;
  if (NAME.test(name.name)) found.files.push({ file, name });
  else
    found.misplaced.push({
      file,
      message: "is not read: a template's name holds only letters, digits, _ and -",
    });
}

/** Names of the folders in `dir/below`; links are followed, since Kubernetes mounts them. */
async function folders(dir: string, below: string, found: Found): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entries(join(dir, below))) {
    const file = below === "" ? entry : `${below}/${entry}`;
    if (!(await stat(join(dir, file))).isDirectory()) {
      if (/\.ya?ml$/.test(entry)) {
        found.misplaced.push({
          file,
          message: "is not read: templates are in {provider}/{domain}/{template}.yml",
        });
      }
    } else if (NAME.test(entry)) names.push(entry);
    else
      found.misplaced.push({
        file,
        message: "is not read: a folder's name holds only letters, digits, _ and -",
      });
  }
  return names;
}

async function entries(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => !name.startsWith(".")).sort();
}

async function load(
  path: string,
  file: string,
  name: TemplateName,
): Promise<{ template: Template } | { faults: Fault[] }> {
  if ((await stat(path)).size > MAX_BYTES) return { faults: [fileFault(file, "is larger than 1 MiB")] };
  return parseTemplate(await readFile(path), file, name);
}

function fileFault(file: string, message: string): Fault {
  return { file, line: 1, column: 1, path: "", message };
}

function keyOf({ provider, domain, name }: TemplateName): string {
  return `${provider}/${domain}/${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
