import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/**
 * Metrics in Prometheus' text format. Names are `convergence_<what>_<unit>[_total]` in base units (seconds, bytes).
 * Asking for a name again gives the same metric, so that several instances of a service share a process.
 */
export interface Metrics {
  /** A count that only grows. The name ends in `_total`. */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  /** A value that goes up and down. */
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  /** A distribution. The name ends in its unit; `buckets` are upper bounds in that unit. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly L[],
  ): Histogram<L>;
  /** What GET /metrics answers. */
  text(): Promise<string>;
  readonly contentType: string;
  readonly registry: Registry;
}

/** Upper bounds in seconds for what a client waits for: 1 ms to 30 s. */
export const LATENCY_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

const NAME = /^convergence(_[a-z0-9]+)+$/;
const HISTOGRAM_UNIT = /_(seconds|bytes|rows|records|ratio)$/;

/** Metrics kept in `registry`, a new one by default. */
export function metrics(registry: Registry = new Registry()): Metrics {
  return {
    counter: (name, help, labels = []) => {
      requireName(name, name.endsWith("_total"), "a counter's name ends in _total");
      return (
        existing(registry, name, Counter) ??
        new Counter({ name, help, labelNames: [...labels], registers: [registry] })
      );
    },
    gauge: (name, help, labels = []) => {
      requireName(name, !name.endsWith("_total"), "a gauge's name does not end in _total");
      return (
        existing(registry, name, Gauge) ??
        new Gauge({ name, help, labelNames: [...labels], registers: [registry] })
      );
    },
    histogram: (name, help, buckets, labels = []) => {
      requireName(
        name,
        HISTOGRAM_UNIT.test(name),
        `a histogram's name ends in its unit (${HISTOGRAM_UNIT.source})`,
      );
      return (
        existing(registry, name, Histogram) ??
        new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] })
      );
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
    registry,
  };
}

/**
 * Adds what a process says of itself: CPU, memory, event-loop lag, garbage collection (prom-client's defaults), and
 * `convergence_build_info`. Once a process.
 */
export function processMetrics(target: Metrics, version: string): void {
  collectDefaultMetrics({ register: target.registry });
  target
    .gauge("convergence_build_info", "The running version; the value is always 1.", ["version", "node"])
    .set({ version, node: process.versions.node }, 1);
}

function requireName(name: string, conventional: boolean, rule: string): void {
  if (!NAME.test(name)) throw new TypeError(`metric ${name}: a name is convergence_ and snake_case words`);
  if (!conventional) throw new TypeError(`metric ${name}: ${rule}`);
}

function existing<M>(registry: Registry, name: string, type: new (...args: never[]) => M): M | undefined {
  const found: unknown = registry.getSingleMetric(name);
  if (found === undefined || found instanceof type) return found;
  throw new TypeError(`metric ${name} is registered as another kind`);
}
