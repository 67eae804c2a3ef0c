import type { Bus, Ends, ViewOptions } from "@convergence/bus";
import type { Clock } from "@convergence/runtime/clock.ts";
import type { Position } from "./store.ts";

/** How long a mark may take before the older one is kept, in milliseconds. */
const MARK_MS = 500;

/** How far the view has folded each partition, each with a mark of the log's incarnation. */
export class PositionKeeper {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #positions = new Map<string, Position>();
  #moved = new Set<Position>();

  constructor(bus: Bus, clock: Clock, stored: readonly Position[]) {
    this.#bus = bus;
    this.#clock = clock;
    for (const position of stored) this.#positions.set(keyOf(position.topic, position.partition), position);
  }

  get isEmpty(): boolean {
    return this.#positions.size === 0;
  }

  /** The record at `offset` was folded. False where it had been before. */
  folded(topic: string, partition: number, offset: number): boolean {
    const key = keyOf(topic, partition);
    const position = this.#positions.get(key);
    if (position === undefined) {
      const first = { topic, partition, offset: offset + 1, markAt: 0, mark: null };
      this.#positions.set(key, first);
      this.#moved.add(first);
      return true;
    }
    if (offset < position.offset) return false;
    position.offset = offset + 1;
    this.#moved.add(position);
    return true;
  }

  /** Copies of the positions that moved since the last time. */
  take(): Position[] {
    const moved = [...this.#moved].map((position) => ({ ...position }));
    this.#moved = new Set();
    return moved;
  }

  /** Asks for each position's mark as of its offset. Where the bus is silent, the older mark stays. */
  async mark(taken: Position[]): Promise<void> {
    await Promise.all(
      taken.map(async (position) => {
        const { topic, partition, offset } = position;
        const mark = await this.#markWithin(topic, partition, offset);
        if (mark === undefined) return;
        position.markAt = offset;
        position.mark = mark;
        const kept = this.#positions.get(keyOf(topic, partition));
        if (kept !== undefined) Object.assign(kept, { markAt: offset, mark });
      }),
    );
  }

  /** True while what was folded is a beginning of the log as it is stored now. Asks the bus. */
  async stillFits(log: string): Promise<boolean> {
    const ends = new Map<string, Ends>();
    for (const position of this.#positions.values()) {
      const { topic, partition, offset, markAt, mark } = position;
      const of = ends.get(topic) ?? (await this.#bus.ends(topic));
      ends.set(topic, of);
      const stored = of.get(partition);
      if (stored === undefined || offset > stored.end) return false;
      if (topic === log && offset < stored.low) return false;
      // Where all before the mark is past retention, there is nothing left to compare.
      if (mark === null || stored.low >= markAt) continue;
      if ((await this.#bus.mark(topic, partition, markAt)) !== mark) return false;
    }
    return true;
  }

  from(): ViewOptions["from"] {
    const from = new Map<string, Map<number, number>>();
    for (const { topic, partition, offset } of this.#positions.values()) {
      const of = from.get(topic) ?? new Map<number, number>();
      from.set(topic, of);
      of.set(partition, offset);
    }
    return from;
  }

  #markWithin(topic: string, partition: number, offset: number): Promise<string | null | undefined> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(MARK_MS, () => resolve(undefined));
      this.#bus
        .mark(topic, partition, offset)
        .then(resolve, () => resolve(undefined))
        .finally(() => timer.clear());
    });
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
