/** Checks of the table as a whole. */
import { z } from "zod";
import { CheckFault, checkType, NO_SAMPLES } from "./check-type.ts";
import { asAmount, column, count, otherTable } from "./fields.ts";

export const rowCount = checkType({
  name: "row_count",
  fields: { min: count.optional(), max: count.optional() },
  check(args, tell) {
    if (args.min === undefined && args.max === undefined) tell("check", "row_count needs min, max, or both");
  },
  about: (args) => `${args.min ?? 0} to ${args.max ?? "any"}`,
  plan(args, scope) {
    const bound = (value: string | number): string => scope.param("INT64", asAmount(value, "row_count"));
    const least = args.min === undefined ? [] : [`COUNT(*) < ${bound(args.min)}`];
    const most = args.max === undefined ? [] : [`COUNT(*) > ${bound(args.max)}`];
    return {
      by: "rows",
      failed: `IF(${[...least, ...most].join(" OR ")}, 1, 0)`,
      observed: "CONCAT(CAST(COUNT(*) AS STRING), ' rows')",
      samples: NO_SAMPLES,
    };
  },
});

export const rowCountEquals = checkType({
  name: "row_count_equals",
  fields: {
    to: otherTable,
    where: z.string().min(1, "must not be empty").optional().describe("Which rows of the other table count"),
  },
  sql: { where: "expression" },
  about: (args) => args.to,
  plan(args, scope) {
    const where = scope.sql("where");
    const other = `(SELECT COUNT(*) FROM ${scope.table(args.to)}${where === null ? "" : ` WHERE ${where}`})`;
    return {
      by: "rows",
      failed: `ABS(COUNT(*) - ${other})`,
      observed: `CONCAT(CAST(COUNT(*) AS STRING), ' rows, and ', CAST(${other} AS STRING), ' there')`,
      samples: NO_SAMPLES,
    };
  },
});

export const nullShare = checkType({
  name: "null_share",
  fields: {
    column,
    max: z
      .number()
      .min(0, "must be a share from 0 to 1")
      .max(1, "must be a share from 0 to 1")
      .describe("The share of rows without a value that is right, 0 to 1"),
  },
  about: (args) => args.column,
  plan(args, scope) {
    const { sql } = scope.column(args.column);
    const nulls = `COUNTIF(${sql} IS NULL)`;
    const max = scope.param("FLOAT64", args.max);
    return {
      by: "rows",
      failed: `IF(${nulls} > ${max} * COUNT(*), ${nulls}, 0)`,
      observed: `CONCAT(CAST(${nulls} AS STRING), ' of ', CAST(COUNT(*) AS STRING), ' rows')`,
      samples: NO_SAMPLES,
    };
  },
});

export const freshness = checkType({
  name: "freshness",
  fields: {
    column,
    max_age_hours: z.number().positive("must be more than 0").describe("How old the newest value may be"),
  },
  about: (args) => `${args.column}, ${args.max_age_hours} h`,
  plan(args, scope) {
    const found = scope.column(args.column);
    if (!["TIMESTAMP", "DATE", "DATETIME"].includes(found.type)) {
      throw new CheckFault(
        `${args.column} is a ${found.type}: freshness needs a TIMESTAMP, DATETIME or DATE`,
      );
    }
    const newest = `MAX(${found.sql})`;
    const moment = found.type === "TIMESTAMP" ? newest : `TIMESTAMP(${newest})`;
    const seconds = scope.param("INT64", Math.round(args.max_age_hours * 3600));
    return {
      by: "rows",
      failed: `IF(IFNULL(TIMESTAMP_DIFF(${scope.now}, ${moment}, SECOND) <= ${seconds}, FALSE), 0, 1)`,
      observed: `IFNULL(CONCAT('newest ', CAST(${newest} AS STRING)), 'no value')`,
      samples: NO_SAMPLES,
    };
  },
});
