import { column, qualified } from "../names.ts";
import type { Field, TableRef } from "../port.ts";

/** Parameters of the statement, for a merge that is bounded. A template's own are p0, p1, ... */
export const BOUNDS = { lo: "merge_lo", hi: "merge_hi" } as const;

/** What the statement says where it refuses rows; whoever reads a job's error finds its cause by these. */
export const MERGE_REFUSALS = {
  nullKey: "merge: a row of the result has no value in a key column",
  twice: "merge: two rows of the result have the same keys",
  moved: "merge: the result changed while the step ran",
} as const;

export interface QueryMerge {
  table: TableRef;
  /** One SELECT, with no semicolon behind it. */
  sql: string;
  /** The result's columns, by name. */
  columns: readonly string[];
  /** Those of them that tell rows apart. */
  keys: readonly string[];
  /** A key by which the table is partitioned: only what lies between @merge_lo and @merge_hi is scanned. */
  bounded: string | null;
}

/**
 * One MERGE of a query's result into a table: rows whose keys are there are replaced, others are added. In the same
 * statement the result is checked: a key without value, or a second row of the same keys, fails it, without effect.
 * @throws TypeError for a name that is none.
 */
export function queryMergeStatement(project: string, merge: QueryMerge): string {
  const { table, sql, keys, bounded } = merge;
  const names = merge.columns.map(column);
  const quoted = keys.map(column);
  const others = merge.columns.filter((name) => !keys.includes(name)).map(column);
  const bounds = bounded === null ? [] : [`T.${column(bounded)} BETWEEN @${BOUNDS.lo} AND @${BOUNDS.hi}`];
  const on = [...bounds, ...quoted.map((key) => `T.${key} = S.${key}`)];
  const update = others.map((name) => `${name} = S.${name}`).join(", ");
  return `MERGE ${qualified(project, table)} T
USING (
SELECT ${names.join(", ")} FROM (
SELECT *, COUNT(*) OVER (PARTITION BY ${quoted.join(", ")}) AS _merge_twins FROM (
${sql}
)) WHERE CASE${refusals(quoted, bounded)} ELSE 1 END = 1
) S
ON ${on.join(" AND ")}
${update === "" ? "" : `WHEN MATCHED THEN UPDATE SET ${update}\n`}WHEN NOT MATCHED THEN INSERT (${names.join(", ")}) VALUES (${names.map((name) => `S.${name}`).join(", ")})`;
}

/** The branches that fail. ERROR is an INT64 to CASE, as the 1 beside it. */
function refusals(keys: readonly string[], bounded: string | null): string {
  const none = keys.map((key) => `${key} IS NULL`).join(" OR ");
  const outside = bounded === null ? [] : [`${column(bounded)} NOT BETWEEN @${BOUNDS.lo} AND @${BOUNDS.hi}`];
  return [
    ` WHEN ${none} THEN ERROR('${MERGE_REFUSALS.nullKey}')`,
    ` WHEN _merge_twins > 1 THEN ERROR('${MERGE_REFUSALS.twice}')`,
    ...outside.map((condition) => ` WHEN ${condition} THEN ERROR('${MERGE_REFUSALS.moved}')`),
  ].join("");
}

/** Types whose values MERGE can compare and a window can group by. */
const KEY_TYPES: ReadonlySet<string> = new Set([
  "STRING",
  "BYTES",
  "INTEGER",
  "NUMERIC",
  "BIGNUMERIC",
  "BOOLEAN",
  "TIMESTAMP",
  "DATE",
  "DATETIME",
  "TIME",
]);

/** Why a column cannot be a key of a merge; null where it can. */
export function keyFault({ name, type, mode }: Field): string | null {
  if (mode === "REPEATED") return `the key ${name} is an array`;
  return KEY_TYPES.has(type) ? null : `the key ${name} is a ${type}, whose values cannot be compared`;
}
