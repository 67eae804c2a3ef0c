import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { PLANTED, type PlantedFault } from "./faults.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

/**
 * Plants a fault in this thread: the file is loaded with one passage changed, so that the product needs no switch of
 * its own. To be called before anything of the product is loaded.
 * @throws Error for an unknown name, or where the passage is not in the file exactly once.
 */
export function plant(name: string): void {
  const fault = PLANTED.find((known) => known.name === name);
  if (fault === undefined) {
    throw new Error(`no planted fault is named ${name}: ${PLANTED.map((known) => known.name).join(", ")}`);
  }
  const source = planted(fault);
  const url = pathToFileURL(path.join(ROOT, fault.file)).href;
  registerHooks({
    load(asked, context, nextLoad) {
      const loaded = nextLoad(asked, context);
      return asked === url ? { ...loaded, source } : loaded;
    },
  });
}

/** The file's text with the fault in it. */
export function planted({ name, file, from, to }: PlantedFault): string {
  const text = readFileSync(path.join(ROOT, file), "utf8");
  const parts = text.split(from);
  if (parts.length !== 2) {
    throw new Error(
      `planted fault "${name}": ${file} has its passage ${parts.length - 1} times, not once; adapt simulation/planted/faults.ts`,
    );
  }
  return parts.join(to);
}
