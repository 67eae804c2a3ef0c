import type { Store } from "../catalog/store.ts";
import type { Expiry } from "../jobs/expiry.ts";
import type { Jobs } from "../jobs/jobs.ts";
import type { QueryEngine } from "../jobs/query-work.ts";

/** What the routes are made of. */
export interface Service {
  store: Store;
  jobs: Jobs;
  engine: QueryEngine;
  expiry: Expiry;
  /** Takes one line at a time. */
  log: (line: string) => void;
}
