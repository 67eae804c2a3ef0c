import { type Clock, sleep } from "@convergence/runtime/clock.ts";
import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { Bus, Ends, Readings } from "./port.ts";

/** Between two questions for the ends, in milliseconds: a few requests to the brokers each time. */
const EVERY_MS = 15_000;

/** Something that measures until it is stopped. */
export interface Measuring {
  stop(): void;
}

/**
 * Tells how far the readers of this process are behind, by asking for the ends now and then: nothing is done where
 * records are handled. While the bus is away the last answer stands.
 */
export function measureLag(
  bus: Pick<Bus, "ends"> & Readings,
  metrics: Metrics,
  clock: Clock,
  everyMs = EVERY_MS,
): Measuring {
  const lag = metrics.gauge(
    "convergence_consumer_lag_records",
    "Records that are stored and not done yet, for groups and views of this process.",
    ["reader", "topic", "partition"],
  );
  return repeat(clock, everyMs, async () => {
    const topics = new Set(bus.readings().map(({ topic }) => topic));
    const ends = new Map<string, Ends>();
    for (const topic of topics) ends.set(topic, await bus.ends(topic));
    // What is read by now: partitions may have moved on while the ends were asked for.
    lag.reset();
    for (const { reader, topic, partition, next } of bus.readings()) {
      const end = ends.get(topic)?.get(partition)?.end;
      if (end !== undefined) lag.set({ reader, topic, partition }, Math.max(0, end - next));
    }
  });
}

/** Measures at once and then with pauses, until it is stopped. What fails is measured the next time. */
export function repeat(clock: Clock, everyMs: number, measure: () => Promise<void>): Measuring {
  let stopped = false;
  void (async () => {
    while (!stopped) {
      await measure().catch(() => {});
      await sleep(clock, everyMs);
    }
  })();
  return {
    stop: () => {
      stopped = true;
    },
  };
}
