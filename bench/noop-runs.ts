import { z } from "zod";
import { type Client, client } from "./client.ts";

/** Who runs the pipelines of a bench. */
export const TENANT = "bench_tenant";
/** How many clients make a load, each doing one thing after another. */
export const CLIENTS = 64;

const triggered = z.object({ pipeline_logging_id: z.string() });
const ended = z.object({ status: z.string() });
const onboarded = z.object({ api_key: z.string() });

/** Onboards TENANT and returns its API key. */
export async function onboard(url: string, adminKey?: string): Promise<string> {
  const http = client(url, adminKey === undefined ? {} : { "X-Admin-Key": adminKey }, 1);
  const answer = await http.call("POST", "/api/v1/customers/onboard", { tenant_id: TENANT });
  http.close();
  return onboarded.parse(answer.body).api_key;
}

/** Asks for a run of a template of gcp/example. Returns its id. */
export async function submitRun(http: Client, template: string): Promise<string> {
  const path = `/api/v1/pipelines/run/${TENANT}/gcp/example/${template}`;
  const { body } = await http.call("POST", path, {});
  return triggered.parse(body).pipeline_logging_id;
}

/** Runs a template, by default three empty steps: POST, then GET ?wait= until COMPLETE. Returns the run's id. */
export async function oneRun(http: Client, template = "noop"): Promise<string> {
  const id = await submitRun(http, template);
  const end = await http.call("GET", `/api/v1/pipelines/runs/${id}?wait=30`);
  const { status } = ended.parse(end.body);
  if (status !== "COMPLETE") throw new Error(`run ${id} is ${status}`);
  return id;
}

/** Milliseconds that each of `count` calls took, one after another. */
export async function times(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await run();
    samples.push(performance.now() - begun);
  }
  return samples;
}

/** How many a second CLIENTS clients get done in `ms` milliseconds. */
export async function rate(run: () => Promise<unknown>, ms: number): Promise<number> {
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
