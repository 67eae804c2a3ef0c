/** How many bytes a query would read, by BigQuery's own dry run: no effect, no cost. */
import type { DryRunQuery } from "@convergence/pipeline";
import type { IsolationVerdict } from "@convergence/pipeline/isolation/index.ts";
import { type Warehouse, WarehouseError } from "@convergence/warehouse";

export type Estimate =
  | { bytes: number }
  /** The step-runner would refuse the query, too: the uniform text, and its reason for authors. */
  | { refused: string; reason: string }
  /** Not known for a reason that is the query's or the tables', or BigQuery's. */
  | { unknown: string; unreachable: boolean };

/** Judges and measures a query as the step-runner would before it runs it. `warehouse` null: judges it by its text. */
export async function estimate(
  query: DryRunQuery,
  project: string,
  warehouse: Warehouse | null,
): Promise<Estimate> {
  // Loaded where it is needed: the parser behind it takes some 160 MB.
  const { checkDryRun, checkIsolation } = await import("@convergence/pipeline/isolation/index.ts");
  const own = { project, dataset: query.default_dataset };
  const refused = refusal(checkIsolation(query.sql, own));
  if (refused !== null) return refused;
  if (warehouse === null) return { unknown: "BigQuery is not asked", unreachable: true };
  try {
    const { sql, parameters: params, default_dataset: defaultDataset } = query;
    const done = await warehouse.dryRun({ sql, params, defaultDataset });
    return refusal(checkDryRun(done.referencedTables, own)) ?? { bytes: done.bytesProcessed };
  } catch (error) {
    if (!(error instanceof WarehouseError)) throw error;
    const unreachable = error.reason === "network" || error.reason === "authError";
    return { unknown: error.message, unreachable };
  }
}

function refusal(verdict: IsolationVerdict): Estimate | null {
  return verdict.ok ? null : { refused: verdict.message, reason: verdict.reason };
}

/** As the API tells it; without an estimate, nothing is known. */
export function bytesOf(made: Estimate | undefined): {
  bytes_estimate: number | null;
  estimate_note: string | null;
} {
  if (made === undefined) return { bytes_estimate: null, estimate_note: null };
  if ("bytes" in made) return { bytes_estimate: made.bytes, estimate_note: null };
  const note = "refused" in made ? `${made.refused}: ${made.reason}` : made.unknown;
  return { bytes_estimate: null, estimate_note: note };
}

/** Estimates for a gateway. */
export function estimator(warehouse: Warehouse) {
  return async (query: DryRunQuery) => bytesOf(await estimate(query, warehouse.project, warehouse));
}
