import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { end, freePort } from "./process.ts";

const root = path.dirname(path.dirname(import.meta.dirname));
const READY_MS = 60_000;

export type ServiceName = "gateway" | "tenant-service" | "pipeline-service" | "step-runner";

/** A service in a process of its own, as `npm run service` runs it. */
export interface ServiceProcess {
  name: ServiceName;
  /** Of the gateway's HTTP; null for the others. */
  url: string | null;
  operatorUrl: string;
  child: ChildProcess;
  /** Resolves once /health/ready is 200. */
  ready(): Promise<void>;
  /** Ends it by a signal and resolves with its exit code, null where the signal killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Services over one Kafka and one local BigQuery. */
export interface Cluster {
  adminKey: string;
  bigQueryUrl: string;
  /**
   * Starts a service; not ready yet. It listens on free ports and keeps its data in a folder of its own, unless `env`
   * says where (PORT, OPERATOR_PORT, CONVERGENCE_DATA_DIR).
   */
  start(name: ServiceName, env?: Record<string, string>): Promise<ServiceProcess>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  /** Where the services keep what they keep; stays after `close`. Absent: a folder that goes with the cluster. */
  folder?: string;
  /** A file descriptor for all that the processes print. Absent: standard error goes to ours, the rest nowhere. */
  output?: number;
}

/** Prepares a cluster on a broker: a local BigQuery, a key ring, an admin key. */
export async function cluster(
  brokers: string,
  { folder: kept, output }: ClusterOptions = {},
): Promise<Cluster> {
  const folder = kept ?? (await mkdtemp(path.join(tmpdir(), "convergence-cluster-")));
  const adminKey = "the-admin-key-of-a-test";
  const bigQueryPort = await freePort();
  const children: ChildProcess[] = [];
  const run = (entry: string[], env: Record<string, string>) => {
    const child = spawn(process.execPath, entry, {
      cwd: root,
      stdio: ["ignore", output ?? "ignore", output ?? "inherit"],
      env: { ...process.env, ...env },
    });
    children.push(child);
    return child;
  };
  run([path.join(root, "cli", "local-bigquery-main.ts")], { LOCAL_BIGQUERY_PORT: String(bigQueryPort) });
  const bigQueryUrl = `http://127.0.0.1:${bigQueryPort}`;
  return {
    adminKey,
    bigQueryUrl,
    async start(name, env = {}) {
      const port = env.PORT ?? String(await freePort());
      const operatorPort = env.OPERATOR_PORT ?? String(await freePort());
      const child = run([path.join(root, "cli", "service.ts"), name], {
        KAFKA_BROKERS: brokers,
        BIGQUERY_ENDPOINT: bigQueryUrl,
        ADMIN_API_KEY: adminKey,
        KEY_RING_FILE: path.join(folder, "keys.json"),
        PORT: port,
        OPERATOR_PORT: operatorPort,
        CONVERGENCE_DATA_DIR: path.join(folder, `${name}-${port}`),
        ...env,
      });
      const operatorUrl = `http://127.0.0.1:${operatorPort}`;
      return {
        name,
        url: name === "gateway" ? `http://127.0.0.1:${port}` : null,
        operatorUrl,
        child,
        ready: () => ready(name, operatorUrl, child),
        end: (signal) => end(child, signal),
      };
    },
    async close() {
      await Promise.all(children.map((child) => end(child, "SIGKILL")));
      if (kept === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ready(name: string, url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${name} ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok === true) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
  throw new Error(`${name} is not ready within ${READY_MS} ms`);
}
