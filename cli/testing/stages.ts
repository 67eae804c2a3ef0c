import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Bus, openEmbeddedBus } from "@convergence/bus";
import { openKafkaBus } from "@convergence/bus/kafka/index.ts";
import { startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { topicSpecs } from "@convergence/contracts";
import { logger, systemClock, systemRandom } from "@convergence/runtime";
import { cluster, type ServiceName, type ServiceProcess } from "./cluster.ts";
import { freshPlace, type Platform, startPlatform } from "./platform.ts";
import { freePort } from "./process.ts";

/** All that an operator runs, on one bus or the other: for tests of what must be the same on both. */
export interface Stage {
  url: string;
  bigQueryUrl: string;
  /** The headers that an onboarding needs here. */
  onboarding: Record<string, string>;
  /** How quick it is on a machine of two cores, in milliseconds: a run of the printed template, and a restart. */
  aims: { runMs: number; readyMs: number };
  /** Every line that the services have logged so far. */
  logged(): Promise<Record<string, unknown>[]>;
  /** Ends every service as Ctrl-C does, and gives their exit codes. */
  stop(): Promise<(number | null)[]>;
  /** Starts every service again where it was; resolves once all are ready. */
  restart(): Promise<void>;
  /** The bus itself, while the services are stopped. */
  openBus(): Promise<Bus>;
  close(): Promise<void>;
}

/** The two ways of running the platform. */
export const STAGES: Record<string, (env?: Record<string, string>) => Promise<Stage>> = {
  "one process on the embedded bus": embeddedStage,
  "processes over Kafka": kafkaStage,
};

async function embeddedStage(env: Record<string, string> = {}): Promise<Stage> {
  const place = await freshPlace();
  const output = await outputFile();
  const clear = async () => {
    await place.remove();
    await output.remove();
  };
  let platform: Platform = await orElse(clear, () => startPlatform(place, env, output.descriptor));
  return {
    url: platform.url,
    bigQueryUrl: platform.bigQueryUrl,
    onboarding: {},
    aims: { runMs: 300, readyMs: 4_000 },
    logged: output.lines,
    stop: async () => [await platform.end("SIGINT")],
    async restart() {
      platform = await startPlatform(place, env, output.descriptor);
    },
    openBus: async () => {
      const file = path.join(place.dataDir, "bus.sqlite");
      return openEmbeddedBus({ file, topics: topicSpecs(4), clock: systemClock, random: systemRandom });
    },
    async close() {
      await platform.end("SIGKILL");
      await clear();
    },
  };
}

const SERVICES: readonly ServiceName[] = [
  "step-runner",
  "step-runner",
  "pipeline-service",
  "tenant-service",
  "gateway",
];

async function kafkaStage(env: Record<string, string> = {}): Promise<Stage> {
  const output = await outputFile();
  const broker = await startBroker();
  const platform = await cluster(broker.address, { output: output.descriptor });
  const port = await freePort();
  const services: ServiceProcess[] = [];
  const restart = async () => {
    services.length = 0;
    for (const name of SERVICES) {
      services.push(await platform.start(name, name === "gateway" ? { ...env, PORT: String(port) } : env));
    }
    await Promise.all(services.map((service) => service.ready()));
  };
  const close = async () => {
    await platform.close();
    await broker.dispose();
    await output.remove();
  };
  await orElse(close, restart);
  return {
    url: `http://127.0.0.1:${port}`,
    bigQueryUrl: platform.bigQueryUrl,
    onboarding: { "X-Admin-Key": platform.adminKey },
    // Eight processes on these cores.
    aims: { runMs: 500, readyMs: 20_000 },
    logged: output.lines,
    stop: () => Promise.all(services.map((service) => service.end("SIGINT"))),
    restart,
    openBus: () =>
      openKafkaBus({
        brokers: [broker.address],
        clientId: "test",
        topics: topicSpecs(12),
        clock: systemClock,
        log: logger({ level: "silent", service: "test" }),
      }),
    close,
  };
}

/** Runs; where that fails, clears up first. */
async function orElse<T>(clear: () => Promise<void>, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    await clear();
    throw error;
  }
}

export interface Output {
  descriptor: number;
  lines(): Promise<Record<string, unknown>[]>;
  remove(): Promise<void>;
}

/** Where processes print their log lines to. */
export async function outputFile(): Promise<Output> {
  const folder = await mkdtemp(path.join(tmpdir(), "convergence-output-"));
  const file = path.join(folder, "log");
  const descriptor = openSync(file, "a");
  return {
    descriptor,
    async lines() {
      const text = await readFile(file, "utf8");
      const whole = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
      return whole.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    },
    async remove() {
      closeSync(descriptor);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
