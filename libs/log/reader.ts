/**
 * The one reader function of an event log: every reader of run.events and tenant.events judges by it, so that all
 * count the same events.
 *
 * A writer that gains a partition appends a claim; the claim's offset is the epoch of its events. A claim counts
 * only if it follows the latest counted one, so that of two writers that claim at once one is refused. An event
 * counts only under the latest counted claim, and only as its tenant's next version.
 */

/** A claim, as far as counting goes. */
export interface ClaimEntry {
  /** Offset of the claim that the writer took for the latest counted one; -1 for none. */
  follows: number;
}

/** An event, as far as counting goes. */
export interface EventEntry {
  meta: { tenant_id: string; epoch: number; version: number };
}

export type LogEntry = ClaimEntry | EventEntry;

/**
 * - counted: fold it.
 * - void claim, stale epoch: a deposed writer's; ignore it.
 * - duplicate: appended twice; ignore it.
 * - gap: an event is missing before it. It must not happen: an alarm.
 */
export type Verdict = "counted" | "void claim" | "stale epoch" | "duplicate" | "gap";

/** Judges the records of one log partition, in order of offset. */
export class LogReader {
  #claim: number;
  #onTrustFollows: number | null = null;
  readonly #versions: Map<string, number>;

  /** `claim` and `versions`: as kept beside the offset that reading goes on from; by default none. */
  constructor(claim = -1, versions: Iterable<readonly [string, number]> = []) {
    this.#claim = claim;
    this.#versions = new Map(versions);
  }

  /** Offset of the latest counted claim, -1 for none. */
  get claim(): number {
    return this.#claim;
  }

  /** A tenant's last counted version; undefined before its first sight. */
  version(tenantId: string): number | undefined {
    return this.#versions.get(tenantId);
  }

  read(offset: number, entry: LogEntry): Verdict {
    return "meta" in entry ? this.#readEvent(entry) : this.#readClaim(offset, entry);
  }

  #readClaim(offset: number, { follows }: ClaimEntry): Verdict {
    if (this.#claim === -1) {
      // A log's first claim, or the first one still stored: its predecessor is out of sight.
      this.#onTrustFollows = follows;
    } else if (follows === this.#claim) {
      this.#onTrustFollows = null;
    } else if (this.#onTrustFollows !== null && follows > this.#onTrustFollows) {
      // The claim taken on trust was itself void: this one follows a later claim that is no longer stored.
      this.#onTrustFollows = follows;
    } else {
      return "void claim";
    }
    this.#claim = offset;
    return "counted";
  }

  #readEvent({ meta: { tenant_id: tenantId, epoch, version } }: EventEntry): Verdict {
    if (epoch !== this.#claim) return "stale epoch";
    const last = this.#versions.get(tenantId);
    if (last !== undefined && version <= last) return "duplicate";
    if (last !== undefined && version > last + 1) return "gap";
    this.#versions.set(tenantId, version);
    return "counted";
  }
}
