import { z } from "zod";
import { checkType, NO_SAMPLES } from "./check-type.ts";
import { amount, asAmount, asTolerance, tolerance } from "./fields.ts";

/** The fields of `aggregate`, and of a reconciliation step. */
export const aggregateFields = {
  aggregate: z.string().min(1, "must not be empty").describe("An aggregate, as SUM(cost)"),
  equals: amount.optional().describe("What it has to come to"),
  equals_query: z
    .string()
    .min(1, "must not be empty")
    .optional()
    .describe("Or a SELECT of one value that it has to come to"),
  tolerance: tolerance.optional(),
};

/** Says what a combination of the fields lacks. */
export function checkAggregate(
  args: { equals?: unknown; equals_query?: unknown },
  tell: (field: string, message: string) => void,
): void {
  if (args.equals === undefined && args.equals_query === undefined)
    tell("aggregate", "an aggregate is compared with equals or equals_query: give one");
  if (args.equals !== undefined && args.equals_query !== undefined)
    tell("equals_query", "an aggregate equals a number or a query's, not both: take one out");
}

export const aggregate = checkType({
  name: "aggregate",
  fields: aggregateFields,
  sql: { aggregate: "expression", equals_query: "sql" },
  check: checkAggregate,
  about: (args) => args.aggregate,
  plan(args, scope) {
    const stated =
      args.equals === undefined
        ? scope.sql("equals_query")
        : scope.param("NUMERIC", asAmount(args.equals, "equals"));
    // In NUMERIC: sums of money are told exactly, up to nine decimals.
    const actual = `CAST(${scope.sql("aggregate")} AS NUMERIC)`;
    const expected = `CAST(${stated} AS NUMERIC)`;
    const { amount, isShare } = asTolerance(args.tolerance ?? 0);
    const off = scope.param("NUMERIC", amount);
    const allowed = isShare ? `ABS(${expected}) * ${off} / 100` : off;
    const shown = (value: string): string => `IFNULL(CAST(${value} AS STRING), 'no value')`;
    return {
      by: "rows",
      failed: `IF(IFNULL(ABS(${actual} - ${expected}) <= ${allowed}, FALSE), 0, 1)`,
      observed: `CONCAT(${shown(actual)}, ', expected ', ${shown(expected)})`,
      samples: NO_SAMPLES,
    };
  },
});
