import { checkDryRun, checkIsolation } from "@convergence/pipeline/isolation/index.ts";
import type { DryRun, QueryJob } from "@convergence/warehouse/port.ts";
import { type StepContext, StepFailed } from "./step-type.ts";

/**
 * Proves that a query reads the tenant's own tables only: by its text first, then by BigQuery's own account.
 * @returns BigQuery's dry run of it
 * @throws StepFailed
 */
export async function proven(
  query: Pick<QueryJob, "sql" | "params" | "defaultDataset">,
  { warehouse }: StepContext,
): Promise<DryRun> {
  const own = { project: warehouse.project, dataset: query.defaultDataset };
  const byText = checkIsolation(query.sql, own);
  if (!byText.ok) throw new StepFailed(byText.message);
  const dryRun = await warehouse.dryRun(query);
  const byDryRun = checkDryRun(dryRun.referencedTables, own);
  if (!byDryRun.ok) throw new StepFailed(byDryRun.message);
  return dryRun;
}
