/** The templates of a configs/ folder as they now are: edits are taken up while the platform runs. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import { type Catalogue, findFiles, loadCatalogue } from "./catalogue.ts";
import type { Fault } from "./types.ts";

/**
 * How often the folder is looked at, in milliseconds. It is polled since notifications miss what a link switches
 * (Kubernetes' ConfigMaps), and what a network mount brings.
 */
export const POLL_MS = 1_000;

/** The failure that is told: a first one may be a file that went away between two looks. */
const TOLD_FAILURE = 2;

/** What an edit came to. Templates are named by their path below the folder, without `.yml`. */
export interface CatalogueChange {
  added: string[];
  changed: string[];
  removed: string[];
  /** Those that were not there before the edit. */
  faults: Fault[];
}

export interface LiveCatalogue extends Catalogue {
  stop(): void;
}

export interface LiveOptions {
  clock: Clock;
  /** Called after each edit that was taken up. */
  changed(change: CatalogueChange): void;
  /** Called when the folder cannot be read: what was read before stays in force. Once, until it can be read again. */
  failed(error: unknown): void;
}

/**
 * Reads a catalogue as loadCatalogue does, and anew, whole, once the folder has changed and then been still for a
 * moment, so that files of one edit belong together. A template that an edit broke is refused with its faults, as it
 * would be after a restart.
 * @throws Error of node:fs when `dir` cannot be read at first.
 */
export async function watchCatalogue(dir: string, options: LiveOptions): Promise<LiveCatalogue> {
  let known = await printOf(dir);
  let catalogue = await loadCatalogue(dir);
  let seen = known;
  let failures = 0;
  let stopped = false;
  let timer: Timer;

  async function look(): Promise<void> {
    const print = await printOf(dir);
    const still = print === seen;
    seen = print;
    if (!still || print === known) return;
    const next = await loadCatalogue(dir);
    if (stopped) return;
    const change = changeBetween(catalogue, next);
    known = print;
    catalogue = next;
    options.changed(change);
  }
  function poll(): void {
    look()
      .then(() => {
        failures = 0;
      })
      .catch((error: unknown) => {
        failures += 1;
        if (failures === TOLD_FAILURE && !stopped) options.failed(error);
      })
      .finally(() => {
        if (!stopped) timer = options.clock.after(POLL_MS, poll);
      });
  }
  timer = options.clock.after(POLL_MS, poll);
  return {
    find: (...name) => catalogue.find(...name),
    list: () => catalogue.list(),
    faultsOf: (...name) => catalogue.faultsOf(...name),
    get faults() {
      return catalogue.faults;
    },
    stop() {
      stopped = true;
      timer.clear();
    },
  };
}

/** A text that differs once a file was added, changed or removed. */
async function printOf(dir: string): Promise<string> {
  const { files, misplaced } = await findFiles(dir);
  const stats = files.map(async ({ file }) => {
    const { ino, size, mtimeMs, ctimeMs } = await stat(join(dir, file));
    return [file, ino, size, mtimeMs, ctimeMs];
  });
  return JSON.stringify([await Promise.all(stats), misplaced]);
}

function changeBetween(before: Catalogue, after: Catalogue): CatalogueChange {
  const [old, now] = [versionsOf(before), versionsOf(after)];
  const told = new Set(before.faults.map((fault) => JSON.stringify(fault)));
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    changed: [...now].flatMap(([name, version]) =>
      old.has(name) && old.get(name) !== version ? [name] : [],
    ),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    faults: after.faults.filter((fault) => !told.has(JSON.stringify(fault))),
  };
}

/** Versions of the templates without faults. */
function versionsOf(catalogue: Catalogue): Map<string, string> {
  return new Map(
    catalogue
      .list()
      .map(({ provider, domain, name, configVersion }) => [`${provider}/${domain}/${name}`, configVersion]),
  );
}
