import type { RunEventsMessage } from "@convergence/contracts";
import { LogReader, type Verdict } from "@convergence/log";

/** Judges run.events: one reader a partition, and what of their state is not stored yet. */
export class LogOfRuns {
  readonly #readers = new Map<number, LogReader>();
  readonly #stored: { claims: Map<number, number>; versions: Map<number, [string, number][]> };
  #claims = new Map<number, number>();
  #versions = new Map<string, [partition: number, version: number]>();

  /** `stored`: as kept beside the offsets that reading goes on from. */
  constructor(stored: { claims: Map<number, number>; versions: Map<number, [string, number][]> }) {
    this.#stored = stored;
  }

  judge(partition: number, offset: number, message: RunEventsMessage): Verdict {
    const verdict = this.#reader(partition).read(offset, message);
    if (verdict !== "counted") return verdict;
    if (message.type === "Claimed") this.#claims.set(partition, offset);
    else this.#versions.set(message.meta.tenant_id, [partition, message.meta.version]);
    return verdict;
  }

  /** What changed since it was last taken. */
  take(): { claims: [number, number][]; versions: [string, number, number][] } {
    const taken = {
      claims: [...this.#claims],
      versions: [...this.#versions].map(([tenant, [partition, version]]): [string, number, number] => [
        tenant,
        partition,
        version,
      ]),
    };
    this.#claims = new Map();
    this.#versions = new Map();
    return taken;
  }

  #reader(partition: number): LogReader {
    const known = this.#readers.get(partition);
    if (known !== undefined) return known;
    const reader = new LogReader(
      this.#stored.claims.get(partition) ?? -1,
      this.#stored.versions.get(partition) ?? [],
    );
    this.#readers.set(partition, reader);
    return reader;
  }
}
