import { measureEngine } from "./engine.ts";
import { CLIENTS } from "./noop-runs.ts";

/**
 * Noop runs as a client sees them, durable (synchronous=full), compared with the same two HTTP exchanges without a run
 * behind them.
 */
export async function benchRuns(): Promise<void> {
  const { run, run99, graph, load, queue, bare, bareLoad } = await measureEngine();
  console.log(`one client: p50 ${run.toFixed(2)} ms, p99 ${run99.toFixed(2)} ms (aim: p50 at most 8 ms)`);
  console.log(`  two bare exchanges: p50 ${bare.toFixed(2)} ms; ratio ${(run / bare).toFixed(1)}`);
  console.log(
    `a graph of 10 steps, 5 wide: p50 ${graph.toFixed(2)} ms; ratio to 3 steps ${(graph / run).toFixed(1)}`,
  );
  console.log(`${CLIENTS} clients: ${load.toFixed(0)} runs/s (aim: at least 500; best peer 700)`);
  console.log(`  bare pairs of exchanges: ${bareLoad.toFixed(0)}/s; ratio ${(load / bareLoad).toFixed(2)}`);
  console.log(
    `10,000 queued runs: ${queue.toFixed(0)} runs/s; ratio to those waited for ${(queue / load).toFixed(2)}`,
  );
}
