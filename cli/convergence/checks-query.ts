import type { DryRun, DryRunStep, ResolvedStep } from "@convergence/pipeline";
import { qualityStatement } from "@convergence/pipeline/data-quality/statement.ts";
import { type Warehouse, WarehouseError } from "@convergence/warehouse";

/**
 * The plan with the SQL that its checks come to: it is made of the table's columns, so only where the table is there
 * already. Elsewhere, and without a BigQuery that answers, checks stay settings.
 */
export async function withChecksQueries(
  run: DryRun,
  resolved: readonly ResolvedStep[],
  tenant: string,
  warehouse: Warehouse,
  now: number,
): Promise<DryRun> {
  const steps: DryRunStep[] = [];
  try {
    for (const [i, step] of run.steps.entries()) {
      const work = resolved[i];
      const isQuality = work?.type === "data_quality" || work?.type === "reconciliation";
      const table = isQuality ? await warehouse.getTable({ dataset: tenant, table: work.table }) : null;
      if (!isQuality || table === null) {
        steps.push(step);
        continue;
      }
      const { sql, params } = qualityStatement(work, table.schema.fields, new Date(now).toISOString());
      steps.push({ ...step, query: { sql, parameters: params, default_dataset: tenant } });
    }
  } catch (error) {
    if (!(error instanceof WarehouseError)) throw error;
    return run;
  }
  return { ...run, steps };
}
