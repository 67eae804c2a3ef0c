/** `npm run local-bigquery`: the local BigQuery as a process of its own, in memory unless LOCAL_BIGQUERY_DATA_DIR is set. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { startLocalBigQuery } from "@convergence/local-bigquery";
import { logger, readConfig, runUntilSignal, StartError } from "@convergence/runtime";

await runUntilSignal(logger({ level: "warn", service: "local-bigquery" }), async (parts) => {
  const config = readConfig(process.env);
  const folder = config.LOCAL_BIGQUERY_DATA_DIR;
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const server = await parts.start(
    "local BigQuery",
    () =>
      startLocalBigQuery({
        host: config.HOST,
        port: config.LOCAL_BIGQUERY_PORT,
        project: config.GCP_PROJECT_ID,
        memoryMb: config.LOCAL_BIGQUERY_MEMORY_MB,
        file: folder === undefined ? null : path.join(folder, "bigquery.duckdb"),
      }).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        throw new StartError(
          `the local BigQuery cannot start: ${why}`,
          "Set LOCAL_BIGQUERY_PORT or LOCAL_BIGQUERY_DATA_DIR.",
          error,
        );
      }),
    (started) => started.close(),
  );
  console.log(`local BigQuery on ${server.url}, ${folder === undefined ? "in memory" : `kept in ${folder}`}`);
});
