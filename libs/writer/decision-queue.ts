import type { BusRecord } from "@convergence/bus/port.ts";
import type { Trace } from "@convergence/contracts";

/** Something to be decided for a tenant. */
export interface Item<S, F, I> {
  tenantId: string;
  /** The input record; null for a proposal. */
  source: { record: BusRecord; input: I } | null;
  /** What the records of its events belong to. */
  trace: Trace | null;
  decide(state: S, now: number, waited: boolean): F[] | "wait";
  waited: boolean;
  /** Called when its events were read back, or when it led to none. */
  settled(): void;
  /** Called when no events can be made of it. */
  failed(error: unknown): void;
}

/**
 * What is to be decided, in order of arrival; the inputs of a tenant that must wait are held back, in order, and
 * nobody else's.
 */
export class DecisionQueue<S, F, I> {
  #items: Item<S, F, I>[] = [];
  readonly #held = new Map<string, Item<S, F, I>[]>();
  /** Offsets of the inputs that were given but not decided yet, in order, by topic. */
  readonly #undecided = new Map<string, Set<number>>();

  get size(): number {
    return this.#items.length;
  }

  add(item: Item<S, F, I>): void {
    if (item.source !== null) {
      const { topic, offset } = item.source.record;
      const offsets = this.#undecided.get(topic) ?? new Set();
      this.#undecided.set(topic, offsets.add(offset));
    }
    if (!this.holdBehind(item)) this.#items.push(item);
  }

  /** Takes out items for as long as `take` asks for more. */
  takeWhile(more: () => boolean, take: (item: Item<S, F, I>) => void): void {
    let taken = 0;
    while (taken < this.#items.length && more()) {
      const item = this.#items[taken];
      taken += 1;
      if (item !== undefined) take(item);
    }
    this.#items = this.#items.slice(taken);
  }

  /** The tenant must wait: this input comes first when it is released. */
  hold(item: Item<S, F, I>): void {
    this.#held.set(item.tenantId, [item]);
  }

  /** True where the item is an input of a tenant that waits: it is held behind those that came before. */
  holdBehind(item: Item<S, F, I>): boolean {
    const held = this.#held.get(item.tenantId);
    if (held === undefined || item.source === null) return false;
    held.push(item);
    return true;
  }

  /** The first input that was held back must be decided now; those behind it are asked anew. */
  release(tenantId: string): void {
    const [first, ...others] = this.#held.get(tenantId) ?? [];
    this.#held.delete(tenantId);
    if (first !== undefined) this.#items = [{ ...first, waited: true }, ...others, ...this.#items];
  }

  /** An input was decided. */
  decided({ topic, offset }: BusRecord): void {
    this.#undecided.get(topic)?.delete(offset);
  }

  /** True once every input of `topic` below `end` that was given is decided. */
  decidedTo(topic: string, end: number): boolean {
    const [lowest] = this.#undecided.get(topic) ?? [];
    return lowest === undefined || lowest >= end;
  }

  clear(): void {
    this.#items = [];
    this.#held.clear();
    this.#undecided.clear();
  }
}
