import { Worker } from "node:worker_threads";
import { StartError } from "@convergence/runtime";
import { z } from "zod";

/** What the worker is told. */
export interface LocalBigQuerySettings {
  host: string;
  port: number;
  project: string;
  file: string;
  /** What DuckDB may use, MB. */
  memoryMb: number;
}

/** A local BigQuery in a thread of its own. */
export interface LocalBigQueryThread {
  url: string;
  close(): Promise<void>;
  /** Rejects if the thread ends by itself; never resolves. */
  failed: Promise<never>;
}

const message = z.union([z.object({ url: z.string() }), z.object({ error: z.string() })]);

/**
 * Starts the local BigQuery in a thread of this process: parsing SQL and turning rows into JSON then do not hold up the
 * services.
 * @throws StartError when it cannot start
 */
export async function startLocalBigQueryThread(
  settings: LocalBigQuerySettings,
): Promise<LocalBigQueryThread> {
  const worker = new Worker(new URL("./local-bigquery-thread.ts", import.meta.url), { workerData: settings });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const failed = new Promise<never>((_, reject) => worker.once("error", reject));
  failed.catch(() => undefined);
  const started = message.parse(
    await Promise.race([new Promise((resolve) => worker.once("message", resolve)), failed]),
  );
  if ("error" in started) {
    await worker.terminate();
    throw new StartError(
      `the local BigQuery cannot start: ${started.error}`,
      "Free what is in use, or set LOCAL_BIGQUERY_PORT or CONVERGENCE_DATA_DIR.",
    );
  }
  return {
    url: started.url,
    failed,
    async close() {
      worker.postMessage("close");
      await ended;
    },
  };
}
