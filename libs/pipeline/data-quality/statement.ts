/** All checks of a step as one statement: the table is read once, by a query that windows and joins add columns to. */
import type { Field, QueryParam } from "@convergence/warehouse/port.ts";
import type { QualityWork, ResolvedCheck } from "../types.ts";
import { CheckFault, type CheckPlan } from "./check-type.ts";
import { findCheckType } from "./index.ts";
import { NOW, SOURCE, TableScope } from "./scope.ts";

const ROWS = "_dq_rows";
const MAIN = "_dq_main";

/** A check as it is carried out. */
export interface PlannedCheck {
  /** Its place in the template's list, from 0. */
  index: number;
  check: ResolvedCheck;
  /** For people: `not_null(cost)`. */
  label: string;
  /** Null where it cannot be made on this table: `fault` says why. */
  plan: CheckPlan | null;
  fault: string | null;
}

export interface QualityStatement {
  sql: string;
  params: QueryParam[];
  checks: PlannedCheck[];
}

/**
 * The statement that makes a table's checks. It gives one row: `row_count`, and for each check i that reads rows
 * `c<i>_failed` (INT64), `c<i>_observed` (STRING) and `c<i>_samples` (ARRAY<STRING>).
 * @param fields the table's columns
 * @param now the moment of the check, RFC 3339
 */
export function qualityStatement(
  work: Pick<QualityWork, "table" | "where" | "checks" | "sampleColumns">,
  fields: readonly Field[],
  now: string,
): QualityStatement {
  const params: QueryParam[] = [...(work.where?.params ?? [])];
  const checks = work.checks.map((check, index) => planned(check, index, work.sampleColumns, fields, params));
  const sql = compose(work, checks);
  if (sql.includes(`@${NOW}`)) params.push({ name: NOW, type: "TIMESTAMP", value: now });
  return { sql, params: named(params), checks };
}

function planned(
  check: ResolvedCheck,
  index: number,
  sampleColumns: readonly string[],
  fields: readonly Field[],
  params: QueryParam[],
): PlannedCheck {
  const type = findCheckType(check.check);
  if (type === undefined) {
    const fault = `this runner knows no check ${check.check}: upgrade it`;
    return { index, check, label: check.check, plan: null, fault };
  }
  const label = type.label(check.args);
  const own: QueryParam[] = [];
  try {
    const plan = type.plan(check.args, new TableScope(fields, check, index, sampleColumns, own));
    params.push(...own);
    return { index, check, label, plan, fault: null };
  } catch (error) {
    if (error instanceof CheckFault) return { index, check, label, plan: null, fault: error.message };
    throw error;
  }
}

function compose(
  { table, where }: Pick<QualityWork, "table" | "where">,
  checks: readonly PlannedCheck[],
): string {
  const filter = where === null ? "" : ` WHERE (\n${where.sql}\n)`;
  const rows = checks.flatMap(({ index, plan }) => (plan?.by === "rows" ? [{ index, plan }] : []));
  const queries = checks.flatMap(({ index, plan }) => (plan?.by === "query" ? [{ index, plan }] : []));
  const columns = rows.flatMap(({ plan }) => [
    ...(plan.join === undefined ? [] : [plan.join.column]),
    ...(plan.column === undefined ? [] : [plan.column]),
  ]);
  const joins = rows.flatMap(({ plan }) => (plan.join === undefined ? [] : [` ${plan.join.sql}`]));
  const aggregates = rows.flatMap(({ index, plan: { failed, observed, samples } }) => [
    `${failed} AS c${index}_failed`,
    `${observed} AS c${index}_observed`,
    `${samples} AS c${index}_samples`,
  ]);
  const tables = [
    `${SOURCE} AS (SELECT * FROM \`${table}\`${filter})`,
    `${ROWS} AS (SELECT ${[`${SOURCE}.*`, ...columns].join(", ")} FROM ${SOURCE}${joins.join("")})`,
    `${MAIN} AS (SELECT ${["COUNT(*) AS row_count", ...aggregates].join(",\n")} FROM ${ROWS})`,
    ...queries.map(({ index, plan }) => `_dq_q${index} AS (${plan.sql})`),
  ];
  const others = queries.flatMap(({ index }) =>
    ["failed", "observed", "samples"].map((what) => `_dq_q${index}.${what} AS c${index}_${what}`),
  );
  const from = [MAIN, ...queries.map(({ index }) => `_dq_q${index}`)].join(" CROSS JOIN ");
  return `WITH ${tables.join(",\n")}\nSELECT ${[`${MAIN}.*`, ...others].join(", ")} FROM ${from}`;
}

/** A text that is used twice has its parameters twice. */
function named(params: readonly QueryParam[]): QueryParam[] {
  return [...new Map(params.map((param) => [param.name, param])).values()];
}
