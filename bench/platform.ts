import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

/** A platform in a process of its own, as `npm start` runs it, on a data folder of its own. */
export interface Platform {
  url: string;
  bigQueryUrl: string;
  pid: number;
  stop(): Promise<void>;
}

/** Starts `cli/start.ts` with these variables and waits until it is ready. */
export async function startPlatform(env: Record<string, string> = {}): Promise<Platform> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "convergence-bench-"));
  const [port, bigQueryPort] = [await freePort(), await freePort()];
  const root = path.dirname(import.meta.dirname);
  const child = spawn(process.execPath, [path.join(root, "cli", "start.ts")], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      PORT: String(port),
      LOCAL_BIGQUERY_PORT: String(bigQueryPort),
      CONVERGENCE_DATA_DIR: dataDir,
      ...env,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await ready(url, child);
  return {
    url,
    bigQueryUrl: `http://127.0.0.1:${bigQueryPort}`,
    pid: child.pid ?? 0,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      await rm(dataDir, { recursive: true });
    },
  };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the platform ended with code ${child.exitCode}`);
    try {
      if ((await fetch(`${url}/health/ready`)).ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
