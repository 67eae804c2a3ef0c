import type { BusRecord } from "@convergence/bus/port.ts";
import type { Clock } from "@convergence/runtime/clock.ts";
import { DecisionQueue, type Item } from "./decision-queue.ts";
import type { Acts, Input, LoggedEvent, Model, OwnedLane, Stream } from "./model.ts";
import { emptyStream, type Pending, stampFacts } from "./stream.ts";

/**
 * Decides what a lane is asked, one thing after another, on the state that includes what is on its way to the log
 * (`ahead`).
 */
export class Decider<S, E extends LoggedEvent, F extends { type: E["type"] }, I extends Input> {
  readonly #lane: OwnedLane<S, F>;
  readonly #model: Model<S, E, F, I>;
  readonly #acts: Acts<S, E, F>;
  readonly #clock: Clock;
  readonly #queue = new DecisionQueue<S, F, I>();
  readonly #ahead = new Map<string, Stream<S>>();

  constructor(lane: OwnedLane<S, F>, model: Model<S, E, F, I>, acts: Acts<S, E, F>, clock: Clock) {
    this.#lane = lane;
    this.#model = model;
    this.#acts = acts;
    this.#clock = clock;
  }

  /** True while something waits to be decided. */
  get hasWork(): boolean {
    return this.#queue.size > 0;
  }

  add(item: Item<S, F, I>): void {
    this.#queue.add(item);
  }

  /** A tenant whose decision answered "wait" is to be asked again. */
  release(tenantId: string): void {
    this.#queue.release(tenantId);
  }

  /** True once every input of `topic` below `end` that was given is decided. */
  decidedTo(topic: string, end: number): boolean {
    return this.#queue.decidedTo(topic, end);
  }

  /** Decides until there are so many events, or nothing is left; those of one decision stay together. */
  decide(limit: number, epoch: number): Pending<S, E>[] {
    const batch: Pending<S, E>[] = [];
    this.#queue.takeWhile(
      () => batch.length < limit,
      (item) => {
        // One by one: a single decision may come to more events than a call takes arguments.
        for (const event of this.#decide(item, epoch)) batch.push(event);
      },
    );
    return batch;
  }

  /** An event was read back: the folded state has caught up with it. */
  readBack({ event, after }: Pending<S, E>): void {
    const { tenant_id: tenantId } = event.meta;
    if (this.#ahead.get(tenantId) === after) this.#ahead.delete(tenantId);
  }

  clear(): void {
    this.#queue.clear();
    this.#ahead.clear();
  }

  #decide(item: Item<S, F, I>, epoch: number): Pending<S, E>[] {
    if (this.#queue.holdBehind(item)) return [];
    const { source, tenantId } = item;
    const events = this.#eventsOf(item, epoch);
    if (events === "wait") {
      this.#queue.hold(item);
      this.#acts.waiting?.(this.#lane, tenantId);
      return [];
    }
    if (source !== null) {
      this.#queue.decided(source.record);
      this.#acts.handled?.(this.#lane, source.input);
    }
    const last = events.at(-1);
    if (last !== undefined) this.#ahead.set(tenantId, last.after);
    return events;
  }

  /** What an item comes to. One that a decision fails on is set aside, and the partition goes on. */
  #eventsOf(item: Item<S, F, I>, epoch: number): Pending<S, E>[] | "wait" {
    const { tenantId, source, trace, settled } = item;
    const stream =
      this.#ahead.get(tenantId) ?? this.#lane.streams.get(tenantId) ?? emptyStream(this.#model.initial);
    const at = this.#clock.now();
    try {
      const facts = this.#isDecided(item, stream) ? [] : item.decide(stream.state, at, item.waited);
      if (facts === "wait") return "wait";
      if (facts.length === 0) item.settled();
      const cause = source === null ? null : { topic: source.record.topic, offset: source.record.offset };
      const meta = { tenant_id: tenantId, epoch, at, cause };
      return stampFacts(this.#model, stream, facts, { meta, trace, settled });
    } catch (error) {
      item.failed(error);
      return [];
    }
  }

  /** True for an input that was folded before, and for a copy of a command that has its outcome. */
  #isDecided({ source }: { source: { record: BusRecord; input: I } | null }, stream: Stream<S>): boolean {
    if (source === null) return false;
    const { topic, offset } = source.record;
    if (offset <= (stream.inputs[topic] ?? -1)) return true;
    const command = this.#model.commandOf(source.input);
    return command !== null && stream.commands.includes(command);
  }
}
