import type { Clock } from "@convergence/runtime/clock.ts";
import type { Metrics } from "@convergence/runtime/metrics.ts";
import { deadLetterTopic } from "./dead-letter.ts";
import { type Measuring, repeat } from "./lag-metrics.ts";
import { LetterBox } from "./letter-box.ts";
import type { Bus, BusRecord, Offset, Partition } from "./port.ts";

/** Between two looks at the ends of the topics of dead letters, in milliseconds. */
const EVERY_MS = 15_000;

/** So many letters of a topic are told apart; more are not counted, so that a flood of poison costs no memory. */
const COUNTED = 10_000;

/** How long one look may read, in milliseconds; the next one goes on from there. */
const READ_MS = 10_000;

type Watched = Pick<Bus, "ends" | "view">;

/**
 * Tells how many dead letters wait, by topic. A topic of dead letters is read only where its end has moved, so that
 * nothing is fetched while nothing is wrong.
 */
export function measureDeadLetters(
  bus: Watched,
  topics: readonly string[],
  metrics: Metrics,
  clock: Clock,
  everyMs = EVERY_MS,
): Measuring {
  const waiting = metrics.gauge(
    "convergence_dead_letters",
    "Records among the dead letters that were neither replayed nor discarded.",
    ["topic"],
  );
  const counts = topics.map((topic) => ({ topic, count: new LetterCount(bus, deadLetterTopic(topic)) }));
  return repeat(clock, everyMs, async () => {
    for (const { topic, count } of counts) waiting.set({ topic }, await count.now());
  });
}

/** The letters of one topic of dead letters, followed from look to look. */
class LetterCount {
  readonly #bus: Watched;
  readonly #topic: string;
  readonly #box = new LetterBox();
  readonly #next = new Map<Partition, Offset>();

  constructor(bus: Watched, topic: string) {
    this.#bus = bus;
    this.#topic = topic;
  }

  async now(): Promise<number> {
    const ends = await this.#bus.ends(this.#topic);
    for (const [partition, { low }] of ends) this.#box.forget(this.#topic, partition, low);
    const moved = [...ends].some(([partition, { low, end }]) => end > (this.#next.get(partition) ?? low));
    if (moved) await this.#read();
    return this.#box.waiting;
  }

  async #read(): Promise<void> {
    const from = new Map([[this.#topic, this.#next]]);
    const view = await this.#bus.view({ topics: [this.#topic], from }, (record) => this.#fold(record));
    try {
      await Promise.race([view.caughtUp(READ_MS), view.failed]);
    } finally {
      await view.stop();
      for (const [partition, offset] of view.position(this.#topic)) this.#next.set(partition, offset);
    }
  }

  /** Of a letter only that it is there, and why, is kept. */
  #fold(record: BusRecord): void {
    this.#box.fold({ ...record, key: "", value: null }, this.#box.size < COUNTED);
  }
}
