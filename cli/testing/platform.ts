import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { end, freePort } from "./process.ts";

const root = path.dirname(path.dirname(import.meta.dirname));
const READY_MS = 60_000;

/** A platform in a process of its own, as `npm start` runs it. */
export interface Platform {
  url: string;
  bigQueryUrl: string;
  dataDir: string;
  child: ChildProcess;
  /** Ends it by a signal and resolves with its exit code, null where the signal killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** A data folder and ports that outlive one process: for restarts. */
export interface Place {
  dataDir: string;
  port: number;
  bigQueryPort: number;
  /** Removes the folder. */
  remove(): Promise<void>;
}

/** A fresh data folder, and two free ports. */
export async function freshPlace(): Promise<Place> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "convergence-"));
  return {
    dataDir,
    port: await freePort(),
    bigQueryPort: await freePort(),
    remove: () => rm(dataDir, { recursive: true, force: true }),
  };
}

/**
 * Starts `cli/start.ts` of a checkout at a place and waits until it is ready. What it prints goes to the file descriptor
 * `output`; without one, standard error goes to ours, the rest nowhere.
 */
export async function startPlatform(
  place: Place,
  env: Record<string, string> = {},
  output?: number,
  checkout = root,
): Promise<Platform> {
  const child = spawnStart(place, env, ["ignore", output ?? "ignore", output ?? "inherit"], checkout);
  const url = `http://127.0.0.1:${place.port}`;
  await ready(url, child);
  return {
    url,
    bigQueryUrl: `http://127.0.0.1:${place.bigQueryPort}`,
    dataDir: place.dataDir,
    child,
    end: (signal) => end(child, signal),
  };
}

/** Runs `cli/start.ts` to its end: for starts that fail. */
export async function runToEnd(
  place: Place,
  env: Record<string, string> = {},
): Promise<{ code: number | null; stderr: string }> {
  const child = spawnStart(place, env, ["ignore", "ignore", "pipe"]);
  let stderr = "";
  child.stderr?.on("data", (data: Buffer) => {
    stderr += data.toString("utf8");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}

function spawnStart(
  place: Place,
  env: Record<string, string>,
  stdio: ("ignore" | "inherit" | "pipe" | number)[],
  checkout = root,
): ChildProcess {
  return spawn(process.execPath, [path.join(checkout, "cli", "start.ts")], {
    cwd: checkout,
    stdio,
    env: {
      ...process.env,
      PORT: String(place.port),
      LOCAL_BIGQUERY_PORT: String(place.bigQueryPort),
      CONVERGENCE_DATA_DIR: place.dataDir,
      ...env,
    },
  });
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the platform ended with code ${child.exitCode}`);
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok === true) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  throw new Error(`not ready within ${READY_MS} ms`);
}
