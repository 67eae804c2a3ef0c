import type { Claimed, EventMeta } from "@convergence/contracts";

/** What a record of an event log comes to. */
export type Counted = "counted" | "claim" | "ignored" | "gap";

/**
 * The oracle's own reading of an event log, written apart from libs/log so that a fault there is seen: a claim counts
 * if it follows the latest counted one; an event counts under that claim alone, as its tenant's next version.
 */
export class CountedLog {
  readonly #claims = new Map<number, { offset: number; writer: string }>();
  readonly #versions = new Map<string, number>();

  /** The instance whose claim counts in this partition. */
  writer(partition: number): string | undefined {
    return this.#claims.get(partition)?.writer;
  }

  version(tenantId: string): number {
    return this.#versions.get(tenantId) ?? 0;
  }

  read(partition: number, offset: number, record: Claimed | { type: string; meta: EventMeta }): Counted {
    const claim = this.#claims.get(partition);
    if (!("meta" in record)) {
      if (record.follows !== (claim?.offset ?? -1)) return "ignored";
      this.#claims.set(partition, { offset, writer: record.writer });
      return "claim";
    }
    const { tenant_id, epoch, version } = record.meta;
    if (epoch !== claim?.offset) return "ignored";
    const next = this.version(tenant_id) + 1;
    if (version > next) return "gap";
    if (version < next) return "ignored";
    this.#versions.set(tenant_id, version);
    return "counted";
  }
}
