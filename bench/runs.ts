import { z } from "zod";
import { freshPlace, startPlatform } from "../cli/testing/platform.ts";
import { type Client, client, percentile } from "./client.ts";

const TENANT = "bench_tenant";
const WARM_RUNS = 300;
const ONE_CLIENT_RUNS = 500;
const LOAD_MS = 10_000;
const CLIENTS = 64;

const triggered = z.object({ pipeline_logging_id: z.string() });
const ended = z.object({ status: z.string() });
const onboarded = z.object({ api_key: z.string() });

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

async function onboard(url: string): Promise<string> {
  const http = client(url, {}, 1);
  const answer = await http.call("POST", "/api/v1/customers/onboard", { tenant_id: TENANT });
  http.close();
  return onboarded.parse(answer.body).api_key;
}

async function oneRun(http: Client): Promise<void> {
  const path = `/api/v1/pipelines/run/${TENANT}/gcp/example/noop`;
  const { body } = await http.call("POST", path, {});
  const { pipeline_logging_id } = triggered.parse(body);
  const end = await http.call("GET", `/api/v1/pipelines/runs/${pipeline_logging_id}?wait=30`);
  const { status } = ended.parse(end.body);
  if (status !== "COMPLETE") throw new Error(`run ${pipeline_logging_id} is ${status}`);
}

async function twoExchanges(http: Client): Promise<void> {
  await http.call("GET", "/health/live");
  await http.call("GET", "/health/live");
}

async function times(count: number, run: () => Promise<void>): Promise<number[]> {
  const samples: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await run();
    samples.push(performance.now() - begun);
  }
  return samples;
}

/** How many a second CLIENTS clients get done, each one after another. */
async function rate(run: () => Promise<void>, ms: number): Promise<number> {
  const begun = performance.now();
  let count = 0;
  const one = async () => {
    while (performance.now() - begun < ms) {
      await run();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
  return count / ((performance.now() - begun) / 1000);
}
