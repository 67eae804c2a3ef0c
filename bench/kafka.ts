import { readFile } from "node:fs/promises";
import { hops } from "@convergence/bus/bench-kit.ts";
import { openKafkaBus } from "@convergence/bus/kafka/index.ts";
import { startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { decodeAs, STEP_RESULTS_TYPES, STEP_TASKS_TYPES, topicSpecs } from "@convergence/contracts";
import { logger, systemClock } from "@convergence/runtime";
import { z } from "zod";
import { type Cluster, cluster, type ServiceProcess } from "../cli/testing/cluster.ts";
import { type Client, client, percentile } from "./client.ts";
import { CLIENTS, onboard, oneRun, rate, times } from "./noop-runs.ts";

const WARM_RUNS = 1_000;
const ONE_CLIENT_RUNS = 500;
const HOPS = 1_000;
const LOAD_MS = 10_000;
const IDLE_MS = 5_000;
/** A kernel's clock tick in /proc, in milliseconds (USER_HZ is 100 on Linux). */
const TICK_MS = 10;

const SERVICES = ["tenant-service", "pipeline-service", "step-runner", "gateway"] as const;

/** What was handed out and claimed, as the log tells. */
interface Work {
  /** Claims by runner. */
  claims: Map<string, number>;
  /** Steps that were handed out more than once. */
  again: number;
}

/**
 * 3-step noop runs over Kafka, the broker and the four services on this machine, as a client sees them. Compared with
 * single hops (append to view) measured in the same run.
 */
export async function benchKafka(): Promise<void> {
  const broker = await startBroker();
  const system = await cluster(broker.address);
  const topics = topicSpecs(12);
  const bus = await openKafkaBus({
    brokers: [broker.address],
    clientId: "bench",
    topics,
    clock: systemClock,
    log: logger({ level: "warn", service: "bench" }),
  });
  try {
    const services: ServiceProcess[] = [];
    for (const name of SERVICES) services.push(await system.start(name));
    await Promise.all(services.map((service) => service.ready()));
    const gateway = services.at(-1)?.url ?? "";
    const http = client(gateway, { "X-API-Key": await onboard(gateway, system.adminKey) }, CLIENTS);
    console.log(`${broker.kind}; broker, four services and this client on this machine`);
    await rate(() => oneRun(http), LOAD_MS / 2);
    for (let n = 0; n < WARM_RUNS; n += 1) await oneRun(http);
    const hop = percentile(await hops(bus, ["parked-tables.dlq"], HOPS), 0.5);
    await oneClient(http, services, hop);
    const load = await rate(() => oneRun(http), LOAD_MS);
    console.log(`${CLIENTS} clients: ${load.toFixed(0)} runs/s (aim: at least 350)`);
    await secondRunner(system, http, bus);
    http.close();
    await idle(services);
  } finally {
    await bus.close();
    await system.close();
    await broker.dispose();
  }
}

async function oneClient(http: Client, services: ServiceProcess[], hop: number): Promise<void> {
  const before = await Promise.all(services.map(cpuMs));
  const ids: string[] = [];
  const runs = await times(ONE_CLIENT_RUNS, async () => {
    ids.push(await oneRun(http));
  });
  const after = await Promise.all(services.map(cpuMs));
  const gaps: number[] = [];
  for (const id of ids) gaps.push(...(await stepGaps(http, id)));
  const [p50, p99] = [percentile(runs, 0.5), percentile(runs, 0.99)];
  const gap = percentile(gaps, 0.5);
  console.log(`one client: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms (aim: p50 at most 20 ms)`);
  console.log(`  a single hop: p50 ${hop.toFixed(2)} ms; a run is ${(p50 / hop).toFixed(1)} hops`);
  console.log(`  step gap: p50 ${gap.toFixed(0)} ms; ratio ${(gap / hop).toFixed(1)} (aim: at most 4 hops)`);
  const spent = services.map(({ name }, n) => {
    const ms = ((after[n] ?? 0) - (before[n] ?? 0)) / ONE_CLIENT_RUNS;
    return `${name} ${ms.toFixed(1)}`;
  });
  console.log(`  CPU ms a run: ${spent.join(", ")}`);
}

const progress = z.object({
  steps: z.array(z.object({ start_time: z.string(), end_time: z.string() })),
});

/** Milliseconds from a step's end to the next one's start, as the runner's clock tells. */
async function stepGaps(http: Client, id: string): Promise<number[]> {
  const { body } = await http.call("GET", `/api/v1/pipelines/runs/${id}`);
  const { steps } = progress.parse(body);
  return steps.slice(1).map((step, n) => Date.parse(step.start_time) - Date.parse(steps[n]?.end_time ?? ""));
}

/** A second runner joins under load: what was handed out is not handed out again, and both share the work. */
async function secondRunner(
  system: Cluster,
  http: Client,
  bus: Awaited<ReturnType<typeof openKafkaBus>>,
): Promise<void> {
  const joining = await watchWork(bus);
  const load = rate(() => oneRun(http), LOAD_MS);
  const runner = await system.start("step-runner");
  await runner.ready();
  await load;
  console.log(`a runner joins under load: ${(await joining.stop()).again} steps handed out again (aim: 0)`);
  const sharing = await watchWork(bus);
  const both = await rate(() => oneRun(http), LOAD_MS);
  const shares = [...(await sharing.stop()).claims.values()].sort((a, b) => a - b);
  const [least = 0, most = 0] = [shares[0], shares.at(-1)];
  const apart = shares.length === 2 ? (100 * (most - least)) / most : 100;
  console.log(
    `two runners: ${both.toFixed(0)} runs/s, steps ${shares.join(" and ")}: ${apart.toFixed(0)} % apart (aim: at most 20)`,
  );
  await runner.end("SIGTERM");
}

async function watchWork(bus: Awaited<ReturnType<typeof openKafkaBus>>): Promise<{ stop(): Promise<Work> }> {
  const work: Work = { claims: new Map(), again: 0 };
  const seen = new Set<string>();
  const view = await bus.view({ topics: ["step.tasks", "step.results"], from: "end" }, ({ topic, value }) => {
    if (topic === "step.tasks") {
      const { step } = decodeAs(value, STEP_TASKS_TYPES);
      const key = `${step.run_id}/${step.index}`;
      if (seen.has(key)) work.again += 1;
      seen.add(key);
      return;
    }
    const result = decodeAs(value, STEP_RESULTS_TYPES);
    if (result.type !== "StepClaimed") return;
    work.claims.set(result.runner, (work.claims.get(result.runner) ?? 0) + 1);
  });
  return {
    async stop() {
      await view.caughtUp();
      await view.stop();
      return work;
    },
  };
}

async function idle(services: ServiceProcess[]): Promise<void> {
  const total = async () => (await Promise.all(services.map(cpuMs))).reduce((sum, ms) => sum + ms, 0);
  await pause(IDLE_MS / 2);
  const before = await total();
  await pause(IDLE_MS);
  const share = (100 * ((await total()) - before)) / IDLE_MS;
  console.log(`four idle services: ${share.toFixed(1)} % of a core (aim: below 5)`);
}

/** CPU that a process has used so far, in milliseconds (Linux). */
async function cpuMs({ child }: ServiceProcess): Promise<number> {
  const stat = await readFile(`/proc/${child.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
