/** Checks of days and of sums by group: each with a query of its own within the statement, over few columns. */
import { z } from "zod";
import { CheckFault, checkType } from "./check-type.ts";
import { column } from "./fields.ts";

const day = z.string().optional();

export const noGaps = checkType({
  name: "no_gaps",
  fields: {
    column,
    from: day.describe("The first day that has to be there; else the first that is"),
    to: day.describe("The last day that has to be there; else the last that is"),
  },
  about: (args) => args.column,
  plan(args, scope) {
    const { sql, type } = scope.column(args.column);
    if (!["TIMESTAMP", "DATE", "DATETIME"].includes(type)) {
      throw new CheckFault(`${args.column} is a ${type}: no_gaps needs a DATE, TIMESTAMP or DATETIME`);
    }
    const days = `(SELECT DISTINCT ${type === "DATE" ? sql : `DATE(${sql})`} AS day FROM ${scope.source})`;
    const edge = (given: string | undefined, else_: string): string =>
      given === undefined ? else_ : scope.param("DATE", given);
    const range = `GENERATE_DATE_ARRAY(${edge(args.from, "lo")}, ${edge(args.to, "hi")})`;
    const missing = `SELECT wanted FROM (SELECT MIN(day) AS lo, MAX(day) AS hi FROM ${days}) CROSS JOIN UNNEST(${range}) AS wanted LEFT JOIN ${days} present ON present.day = wanted WHERE present.day IS NULL`;
    return {
      by: "query",
      sql: `SELECT COUNT(*) AS failed, CONCAT(CAST(COUNT(*) AS STRING), ' days missing') AS observed, ${scope.list("CAST(wanted AS STRING)", "wanted")} AS samples FROM (${missing})`,
    };
  },
});

export const outlier = checkType({
  name: "outlier",
  fields: {
    column,
    by: column.optional().describe("Sums by this column are compared, as by day; else the values of rows"),
    deviations: z
      .number()
      .positive("must be more than 0")
      .optional()
      .describe("So many standard deviations from the mean are right: 3 unless given"),
  },
  about: (args) => `${args.column}${args.by === undefined ? "" : ` by ${args.by}`}`,
  plan(args, scope) {
    const value = `CAST(${scope.column(args.column).sql} AS FLOAT64)`;
    const values =
      args.by === undefined
        ? `(SELECT CAST(NULL AS STRING) AS key, ${value} AS value FROM ${scope.source})`
        : `(SELECT CAST(${scope.column(args.by).sql} AS STRING) AS key, SUM(${value}) AS value FROM ${scope.source} GROUP BY key)`;
    const most = scope.param("FLOAT64", args.deviations ?? 3);
    const far = `ABS(value - mean) > ${most} * deviation`;
    const what = args.by === undefined ? "rows" : "groups";
    return {
      by: "query",
      sql: `SELECT COUNTIF(${far}) AS failed, CONCAT(CAST(COUNTIF(${far}) AS STRING), ' of ', CAST(COUNT(*) AS STRING), ' ${what}') AS observed, ${scope.list(`IF(${far}, TO_JSON_STRING(STRUCT(key, value)), NULL)`, "ABS(value - mean) DESC")} AS samples FROM ${values} CROSS JOIN (SELECT AVG(value) AS mean, STDDEV_SAMP(value) AS deviation FROM ${values})`,
    };
  },
});
