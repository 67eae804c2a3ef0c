import { LATENCY_SECONDS, type Metrics } from "@convergence/runtime/metrics.ts";

/** What a gateway counts. */
export interface GatewayMetrics {
  /** A record of this topic that no schema read. */
  unreadable(topic: string): void;
  /** An event missing before another: it must not happen. */
  logGap(): void;
  /** An HTTP exchange: its route's template, not its path. */
  request(method: string, route: string, status: number, seconds: number): void;
  /** A request that was refused as one too many, by the limit that refused it. */
  rateLimited(limit: string): void;
  /** Whether a view follows the log: not while it starts, nor while it serves from its file. */
  viewCurrent(view: string, current: boolean): void;
  /** How many records a view has folded. */
  folded(topic: string, records: number): void;
  /** How many streams of run events are open. */
  eventStreams(open: number): void;
}

/** The gateway's metrics in a registry. */
export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  const requests = metrics.counter("convergence_http_requests_total", "HTTP requests answered.", [
    "method",
    "route",
    "status",
  ]);
  const durations = metrics.histogram(
    "convergence_http_request_duration_seconds",
    "From the request's head to the end of its answer.",
    LATENCY_SECONDS,
    ["method", "route"],
  );
  const limited = metrics.counter(
    "convergence_rate_limited_requests_total",
    "Requests refused with 429 as too many in a time. limit: tenant, key, failures (wrong keys of one address).",
    ["limit"],
  );
  const unreadable = metrics.counter(
    "convergence_gateway_unreadable_records_total",
    "Records that no known schema reads.",
    ["topic"],
  );
  const gaps = metrics.counter(
    "convergence_gateway_log_gaps_total",
    "Events of run.events whose predecessor is missing: alert on any.",
  );
  const folded = metrics.counter("convergence_gateway_folded_records_total", "Records folded into views.", [
    "topic",
  ]);
  const current = metrics.gauge(
    "convergence_gateway_view_current",
    "1 while the view follows the log; 0 while it starts or serves from its file: alert on it after a minute.",
    ["view"],
  );
  const streams = metrics.gauge("convergence_gateway_event_streams", "Streams of run events that are open.");
  return {
    eventStreams: (open) => streams.set({}, open),
    viewCurrent: (view, is) => current.set({ view }, is ? 1 : 0),
    unreadable: (topic) => unreadable.inc({ topic }),
    rateLimited: (limit) => limited.inc({ limit }),
    logGap: () => gaps.inc(),
    request(method, route, status, seconds) {
      requests.inc({ method, route, status: String(status) });
      durations.observe({ method, route }, seconds);
    },
    folded: (topic, records) => folded.inc({ topic }, records),
  };
}
