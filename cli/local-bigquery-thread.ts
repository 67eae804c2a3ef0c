/** The thread of local-bigquery.ts: starts the endpoint, says where it listens or why it cannot, ends when told. */
import { parentPort, workerData } from "node:worker_threads";
import { startLocalBigQuery } from "@convergence/local-bigquery";
import { z } from "zod";

const settings = z
  .object({ host: z.string(), port: z.number(), project: z.string(), file: z.string(), memoryMb: z.number() })
  .parse(workerData);

try {
  const server = await startLocalBigQuery(settings);
  parentPort?.once("message", async () => {
    await server.close();
    parentPort?.close();
  });
  parentPort?.postMessage({ url: server.url });
} catch (error) {
  parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
}
