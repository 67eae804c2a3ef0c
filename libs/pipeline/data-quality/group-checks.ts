/** Checks of rows against each other, by window functions, so that the table is read once. */
import { type CheckPlan, type CheckScope, type Column, checkType, perRow } from "./check-type.ts";
import { column, columns } from "./fields.ts";

export const unique = checkType({
  name: "unique",
  fields: { column },
  about: (args) => args.column,
  plan(args, scope) {
    const found = scope.column(args.column);
    return perTwin(scope, [found], `${found.sql} IS NOT NULL AND `);
  },
});

export const uniqueCombination = checkType({
  name: "unique_combination",
  fields: { columns },
  about: (args) => args.columns.join(", "),
  plan: (args, scope) => perTwin(scope, args.columns.map(scope.column)),
});

/** Fails for each row that has a twin; of twins one is a sample. */
function perTwin(scope: CheckScope, by: readonly Column[], only = ""): CheckPlan {
  const [twins, nth] = [scope.own("twins"), scope.own("nth")];
  const over = `OVER (PARTITION BY ${by.map(grouped).join(", ")})`;
  const condition = `(${only}${twins} > 1)`;
  return perRow(scope, condition, by, {
    column: `COUNT(*) ${over} AS ${twins}, ROW_NUMBER() ${over} AS ${nth}`,
    sampled: `${condition} AND ${nth} = 1`,
  });
}

/** BigQuery groups a window by neither FLOAT64 nor JSON nor STRUCT: by their text then. */
function grouped({ sql, type }: Column): string {
  return ["FLOAT", "JSON", "RECORD"].includes(type) ? `TO_JSON_STRING(${sql})` : sql;
}

export const noOverlap = checkType({
  name: "no_overlap",
  fields: { start: column, end: column, by: columns.optional() },
  about: (args) => `${args.start} to ${args.end}${args.by === undefined ? "" : ` by ${args.by.join(", ")}`}`,
  plan(args, scope) {
    const [start, end] = [scope.column(args.start), scope.column(args.end)];
    const by = (args.by ?? []).map(scope.column);
    const partition = by.length === 0 ? "" : `PARTITION BY ${by.map(grouped).join(", ")} `;
    const before = `OVER (${partition}ORDER BY ${start.sql} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`;
    const overlaps = scope.own("overlaps");
    // An end is exclusive; a range without one goes on for ever. Ranges without a start overlap nothing.
    const known = `${start.sql} IS NOT NULL`;
    const open = `COUNTIF(${known} AND ${end.sql} IS NULL) ${before} > 0`;
    const late = `MAX(IF(${known}, ${end.sql}, NULL)) ${before} > ${start.sql}`;
    const column = `(${known} AND (${open} OR IFNULL(${late}, FALSE))) AS ${overlaps}`;
    return perRow(scope, overlaps, [...by, start, end], { column });
  },
});
