import type { Clock } from "@convergence/runtime/clock.ts";
import type { Random } from "@convergence/runtime/random.ts";
import type { TopicSpec } from "../port.ts";
import type { BusFaults } from "./faults.ts";

/** Bounds and times of an embedded bus. All times are milliseconds of the clock that was handed in. */
export interface Limits {
  /** Handed over and unhandled inputs of a lane above which it gets no more (default 1,000). */
  maxUnhandled: number;
  /** Time between something done and its commit (default 100). What is done in between may come again. */
  commitEveryMs: number;
  /** Time until the groups count a silent (paused, dropped) member out (default 10,000). */
  sessionTimeoutMs: number;
  /** Time until a member that was counted out learns of it by itself (default 300). */
  zombieMs: number;
  /** Time until the group hands an abandoned partition out anew (default 1,000). */
  abandonedMs: number;
  /** Least time between two rounds of compaction and retention (default 60,000). */
  cleanEveryMs: number;
  /** Compaction leaves younger records alone (default 60,000). */
  compactionLagMs: number;
  /** Time for which a tombstone stays (default 86,400,000: a day). */
  tombstoneMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxUnhandled: 1_000,
  commitEveryMs: 100,
  sessionTimeoutMs: 10_000,
  zombieMs: 300,
  abandonedMs: 1_000,
  cleanEveryMs: 60_000,
  compactionLagMs: 60_000,
  tombstoneMs: 86_400_000,
};

export interface EmbeddedBusOptions {
  /** Path of the SQLite file, whose folder exists; or ":memory:". */
  file: string;
  topics: readonly TopicSpec[];
  clock: Clock;
  random: Random;
  /**
   * "full" (default): what was appended survives a power cut. "normal": it survives the death of the process, but
   * a power cut may take the last moments; no wait for the disk.
   */
  synchronous?: "full" | "normal";
  limits?: Partial<Limits>;
  /**
   * Runs a function after the present turn of the event loop (default setImmediate). What is appended until then
   * shares a transaction. The simulator hands in its own.
   */
  defer?: (run: () => void) => void;
  faults?: BusFaults;
}
