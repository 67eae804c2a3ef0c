import type { Bus } from "@convergence/bus/port.ts";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Random } from "@convergence/runtime/random.ts";
import type { WriterLog } from "./model.ts";

/** What a writer is handed. */
export interface WriterDeps {
  bus: Bus;
  clock: Clock;
  random: Random;
  /** This instance's name. */
  instance: string;
  log: WriterLog;
  /** Milliseconds from an event to its tenant's snapshot, at most; 0: as soon as it is read back. */
  snapshotMs: number;
  /** Milliseconds between repeated claims: well within the log's retention. */
  claimMs: number;
}

/** Milliseconds before what the bus refused is asked of it again. */
export const RETRY_MS = 100;
