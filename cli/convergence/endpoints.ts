import { parseApiKey } from "@convergence/keys/api-key.ts";
import type { Config } from "@convergence/runtime";
import { urlHost } from "../host.ts";
import { UsageError } from "./command.ts";

/** The local BigQuery to ask: BIGQUERY_ENDPOINT, else where `npm start` serves one. */
export function bigQueryUrl({ BIGQUERY_ENDPOINT, HOST, LOCAL_BIGQUERY_PORT }: Config): string {
  return BIGQUERY_ENDPOINT ?? `http://${urlHost(HOST)}:${LOCAL_BIGQUERY_PORT}`;
}

/** The tenant that `--tenant`, or else the API key, names; undefined where neither does. @throws UsageError */
export function tenantOf(given: string | undefined, { CONVERGENCE_API_KEY }: Config): string | undefined {
  if (given === undefined) return parseApiKey(CONVERGENCE_API_KEY ?? "")?.tenantId;
  if (!/^[A-Za-z0-9_]{3,50}$/.test(given)) {
    throw new UsageError(`--tenant ${given}: a tenant's id is 3 to 50 letters, digits and underscores`);
  }
  return given;
}
