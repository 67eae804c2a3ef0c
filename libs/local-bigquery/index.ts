import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { Store } from "./catalog/store.ts";
import { Expiry } from "./jobs/expiry.ts";
import { Jobs } from "./jobs/jobs.ts";
import { QueryEngine } from "./jobs/query-work.ts";
import { listen, portOf } from "./rest/server.ts";

export interface LocalBigQueryOptions {
  /** Address to listen on: a loopback one, since nothing is authenticated. */
  host: string;
  /** 0: any free port. */
  port: number;
  /** Unused: every project id is served. Kept for the caller's own bookkeeping. */
  project?: string;
  /** The DuckDB file; null: in memory, gone at close. */
  file: string | null;
  /** What DuckDB may use, MB; 2048 where it is not given. A statement that needs more fails: resourcesExceeded. */
  memoryMb?: number;
  clock?: Clock;
  /** Takes one line at a time, without secrets or SQL. */
  log?: (line: string) => void;
}

export interface LocalBigQuery {
  port: number;
  url: string;
  /** Stops the jobs under way, then closes server and file. */
  close(): Promise<void>;
}

/**
 * Starts a BigQuery v2 REST endpoint on DuckDB. Rejects with a one-line message where the port is taken, the file is
 * in use by another process, or the file is of a newer version.
 */
export async function startLocalBigQuery(options: LocalBigQueryOptions): Promise<LocalBigQuery> {
  const clock = options.clock ?? systemClock;
  const store = await Store.open(options.file, clock, options.memoryMb);
  const jobs = new Jobs(store, clock);
  const service = {
    store,
    jobs,
    engine: new QueryEngine(store),
    expiry: new Expiry(store),
    log: options.log ?? (() => undefined),
  };
  try {
    await jobs.recover();
    const server = await listen(service, options.host, options.port);
    const port = portOf(server);
    return {
      port,
      url: `http://${options.host}:${port}`,
      async close() {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        await jobs.close();
        server.closeAllConnections();
        await closed;
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw portError(error, options);
  }
}

function portError(error: unknown, { host, port }: LocalBigQueryOptions): unknown {
  const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  return taken ? new Error(`local BigQuery: port ${port} on ${host} is in use; set another port`) : error;
}
