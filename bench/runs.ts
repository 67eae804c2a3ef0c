import { freshPlace, startPlatform } from "../cli/testing/platform.ts";
import { type Client, client, percentile } from "./client.ts";
import { CLIENTS, onboard, oneRun, rate, times } from "./noop-runs.ts";

const WARM_RUNS = 300;
const ONE_CLIENT_RUNS = 500;
const LOAD_MS = 10_000;

/**
 * 3-step noop runs as a client sees them: POST, then GET ?wait= until COMPLETE. Durable (synchronous=full).
 * Compared with the same two HTTP exchanges without a run behind them.
 */
export async function benchRuns(): Promise<void> {
  const place = await freshPlace();
  const platform = await startPlatform(place);
  try {
    const http = client(platform.url, { "X-API-Key": await onboard(platform.url) }, CLIENTS);
    for (let n = 0; n < WARM_RUNS; n += 1) await oneRun(http);
    const floor = await times(ONE_CLIENT_RUNS, () => twoExchanges(http));
    const runs = await times(ONE_CLIENT_RUNS, () => oneRun(http));
    const [p50, p99] = [percentile(runs, 0.5), percentile(runs, 0.99)];
    const floor50 = percentile(floor, 0.5);
    console.log(`one client: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms (aim: p50 at most 8 ms)`);
    console.log(`  two bare exchanges: p50 ${floor50.toFixed(2)} ms; ratio ${(p50 / floor50).toFixed(1)}`);
    const floorRate = await rate(() => twoExchanges(http), LOAD_MS / 4);
    const runRate = await rate(() => oneRun(http), LOAD_MS);
    console.log(`${CLIENTS} clients: ${runRate.toFixed(0)} runs/s (aim: at least 500; best peer 700)`);
    console.log(
      `  bare pairs of exchanges: ${floorRate.toFixed(0)}/s; ratio ${(runRate / floorRate).toFixed(2)}`,
    );
    http.close();
  } finally {
    await platform.end("SIGTERM");
    await place.remove();
  }
}

async function twoExchanges(http: Client): Promise<void> {
  await http.call("GET", "/health/live");
  await http.call("GET", "/health/live");
}
