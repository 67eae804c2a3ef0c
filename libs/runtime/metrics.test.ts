import assert from "node:assert/strict";
import { test } from "node:test";
import { LATENCY_SECONDS, metrics, processMetrics } from "./metrics.ts";

test("what was counted, set and observed is exposed as text", async () => {
  const m = metrics();
  m.counter("convergence_runs_total", "Runs.", ["status"]).inc({ status: "COMPLETE" }, 2);
  m.gauge("convergence_slots_free", "Free slots.").set(3);
  m.histogram("convergence_request_seconds", "Requests.", LATENCY_SECONDS, ["route"]).observe(
    { route: "/x" },
    0.004,
  );
  const text = await m.text();
  assert.match(text, /^convergence_runs_total\{status="COMPLETE"\} 2$/m);
  assert.match(text, /^convergence_slots_free 3$/m);
  assert.match(text, /^convergence_request_seconds_bucket\{le="0.005",route="\/x"\} 1$/m);
  assert.match(text, /^convergence_request_seconds_bucket\{le="0.0025",route="\/x"\} 0$/m);
  assert.match(m.contentType, /^text\/plain/);
});

test("one name is one metric, and never of two kinds", async () => {
  const m = metrics();
  m.counter("convergence_runs_total", "Runs.").inc();
  m.counter("convergence_runs_total", "Runs.").inc();
  assert.match(await m.text(), /^convergence_runs_total 2$/m);
  m.gauge("convergence_lag_seconds", "Lag.");
  assert.throws(() => m.histogram("convergence_lag_seconds", "Lag.", [1]), TypeError);
});

test("a name against the conventions is refused", () => {
  const m = metrics();
  assert.throws(() => m.counter("convergence_runs", "Runs."), /ends in _total/);
  assert.throws(() => m.gauge("convergence_runs_total", "Runs."), /does not end in _total/);
  assert.throws(() => m.histogram("convergence_request_ms", "Requests.", [1]), /unit/);
  assert.throws(() => m.gauge("runs", "Runs."), /convergence_/);
});

test("a process tells its version and its event loop's lag", async () => {
  const m = metrics();
  processMetrics(m, "0.1.0");
  const text = await m.text();
  assert.match(text, /^convergence_build_info\{version="0.1.0",node="[\d.]+"\} 1$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds /m);
});
