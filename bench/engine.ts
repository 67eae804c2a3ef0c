import { rm } from "node:fs/promises";
import { configsWith } from "../cli/testing/configs.ts";
import { freshPlace, startPlatform } from "../cli/testing/platform.ts";
import { type Client, client, percentile } from "./client.ts";
import { CLIENTS, onboard, oneRun, rate, submitRun, times } from "./noop-runs.ts";

const WARM_RUNS = 300;
const ONE_CLIENT_RUNS = 500;
const GRAPH_RUNS = 200;
const LOAD_MS = 10_000;
const QUEUED_RUNS = 10_000;
/** Milliseconds between looks at what is still open: a look costs the platform something, too. */
const POLL_MS = 200;

/** Ten empty steps, five of them side by side, twice. */
const GRAPH = `pipeline_id: "{pipeline_id}"
steps:
${[1, 2, 3, 4, 5].map((n) => `  - { step_id: first_${n}, type: noop, depends_on: [] }`).join("\n")}
${[1, 2, 3, 4, 5].map((n) => `  - { step_id: second_${n}, type: noop, depends_on: [first_${n}] }`).join("\n")}
`;

/** What is measured of the engine: durable, embedded, as a client sees it over HTTP. */
export interface EngineFigures {
  /** A run of three empty steps by one client, milliseconds: half of them took less. */
  run: number;
  /** The same, 99 of 100. */
  run99: number;
  /** A run of ten empty steps, five wide, by one client, milliseconds: half of them took less. */
  graph: number;
  /** Runs of three empty steps a second by CLIENTS clients. */
  load: number;
  /** 10,000 runs asked for without waiting for one: a second, from the first request to the last run's end. */
  queue: number;
  /** Two bare exchanges by one client, milliseconds: half of them took less; pairs a second by CLIENTS clients. */
  bare: number;
  bareLoad: number;
}

/** Measures the platform of a checkout, by default this one. */
export async function measureEngine(checkout?: string): Promise<EngineFigures> {
  const place = await freshPlace();
  const configs = await configsWith({ graph: GRAPH }, checkout);
  const platform = await startPlatform(place, { CONVERGENCE_CONFIGS_DIR: configs }, undefined, checkout);
  const http = client(platform.url, { "X-API-Key": await onboard(platform.url) }, CLIENTS);
  try {
    for (let n = 0; n < WARM_RUNS; n += 1) await oneRun(http);
    const bare = percentile(await times(ONE_CLIENT_RUNS, () => twoExchanges(http)), 0.5);
    const runs = await times(ONE_CLIENT_RUNS, () => oneRun(http));
    const graph = percentile(await times(GRAPH_RUNS, () => oneRun(http, "graph")), 0.5);
    const bareLoad = await rate(() => twoExchanges(http), LOAD_MS / 4);
    const load = await rate(() => oneRun(http), LOAD_MS);
    const queue = await drain(http);
    return { run: percentile(runs, 0.5), run99: percentile(runs, 0.99), graph, load, queue, bare, bareLoad };
  } finally {
    http.close();
    await platform.end("SIGTERM");
    await place.remove();
    await rm(configs, { recursive: true });
  }
}

async function twoExchanges(http: Client): Promise<void> {
  await http.call("GET", "/health/live");
  await http.call("GET", "/health/live");
}

/** Asks for all runs at once, then waits for each. Returns runs a second. */
async function drain(http: Client): Promise<number> {
  const begun = performance.now();
  const ids: string[] = [];
  const one = async () => {
    while (ids.length < QUEUED_RUNS) ids.push(await submitRun(http, "noop"));
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
  while (!(await noneOpen(http))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  return (ids.length * 1000) / (performance.now() - begun);
}

async function noneOpen(http: Client): Promise<boolean> {
  for (const status of ["RUNNING", "PENDING", "RUNNING"]) {
    const { body } = await http.call("GET", `/api/v1/pipelines/runs?limit=1&status=${status}`);
    if (JSON.stringify(body).includes("pipeline_logging_id")) return false;
  }
  return true;
}
