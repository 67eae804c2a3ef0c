/** Checks that hold row by row. A null value fails none of them but not_null and null_share. */
import { z } from "zod";
import { CheckFault, checkType, perRow } from "./check-type.ts";
import { amount, asAmount, column, columns, otherTable, scalar } from "./fields.ts";

export const notNull = checkType({
  name: "not_null",
  fields: { columns },
  about: (args) => args.columns.join(", "),
  plan(args, scope) {
    const found = args.columns.map(scope.column);
    return perRow(scope, `(${found.map(({ sql }) => `${sql} IS NULL`).join(" OR ")})`, found);
  },
});

export const notEmpty = checkType({
  name: "not_empty",
  fields: { column },
  about: (args) => args.column,
  plan(args, scope) {
    const found = scope.column(args.column);
    if (found.type !== "STRING") throw new CheckFault(`${args.column} is a ${found.type}, not a STRING`);
    return perRow(scope, `TRIM(${found.sql}) = ''`, [found]);
  },
});

export const acceptedValues = checkType({
  name: "accepted_values",
  fields: { column, values: z.array(scalar).min(1, "must have at least one value") },
  about: (args) => args.column,
  plan(args, scope) {
    const found = scope.column(args.column);
    const values = args.values.map((value) => scope.like(found, value));
    return perRow(scope, `${found.sql} NOT IN (${values.join(", ")})`, [found]);
  },
});

export const valueRange = checkType({
  name: "value_range",
  fields: {
    column,
    min: scalar.optional().describe("The least value that is right"),
    max: scalar.optional().describe("The greatest value that is right"),
  },
  check(args, tell) {
    if (args.min === undefined && args.max === undefined)
      tell("check", "value_range needs min, max, or both");
  },
  about: (args) => args.column,
  plan(args, scope) {
    const found = scope.column(args.column);
    const below = args.min === undefined ? [] : [`${found.sql} < ${scope.like(found, args.min)}`];
    const above = args.max === undefined ? [] : [`${found.sql} > ${scope.like(found, args.max)}`];
    return perRow(scope, `(${[...below, ...above].join(" OR ")})`, [found]);
  },
});

export const regex = checkType({
  name: "regex",
  fields: {
    column,
    pattern: z.string().min(1, "must not be empty").describe("RE2; ^ and $ bind it to the whole value"),
  },
  about: (args) => `${args.column}, ${args.pattern}`,
  plan(args, scope) {
    const found = scope.column(args.column);
    if (found.type !== "STRING") throw new CheckFault(`${args.column} is a ${found.type}, not a STRING`);
    const pattern = scope.param("STRING", args.pattern);
    return perRow(scope, `NOT REGEXP_CONTAINS(${found.sql}, ${pattern})`, [found]);
  },
});

export const expression = checkType({
  name: "expression",
  fields: {
    expression: z
      .string()
      .min(1, "must not be empty")
      .describe("A condition in GoogleSQL, of a row's columns"),
  },
  sql: { expression: "expression" },
  about: (args) => args.expression,
  plan: (_args, scope) => perRow(scope, `NOT ${scope.sql("expression")}`, []),
});

export const pairOrder = checkType({
  name: "pair_order",
  fields: { greater: column, lesser: column, or_equal: z.boolean().optional() },
  about: (args) => `${args.greater} ${args.or_equal === true ? ">=" : ">"} ${args.lesser}`,
  plan(args, scope) {
    const [greater, lesser] = [scope.column(args.greater), scope.column(args.lesser)];
    const condition = `${greater.sql} ${args.or_equal === true ? "<" : "<="} ${lesser.sql}`;
    return perRow(scope, condition, [lesser, greater]);
  },
});

/** What sums of floating point numbers are off by. */
const SUM_TOLERANCE = 0.000001;

export const multiColumnSum = checkType({
  name: "multi_column_sum",
  fields: {
    columns: z.array(column).min(2, "must name at least two columns"),
    equals: amount,
    tolerance: amount.optional(),
  },
  about: (args) => `${args.columns.join(" + ")} = ${args.equals}`,
  plan(args, scope) {
    const found = args.columns.map(scope.column);
    const sum = found.map(({ sql }) => `CAST(${sql} AS FLOAT64)`).join(" + ");
    const equals = scope.param("FLOAT64", asAmount(args.equals, "equals"));
    const off = scope.param("FLOAT64", asAmount(args.tolerance ?? SUM_TOLERANCE, "tolerance"));
    return perRow(scope, `ABS(${sum} - ${equals}) > ${off}`, found);
  },
});

export const relationships = checkType({
  name: "relationships",
  fields: { column, to: otherTable, field: z.string().describe("The column of the other table") },
  about: (args) => `${args.column} in ${args.to}.${args.field}`,
  plan(args, scope) {
    const found = scope.column(args.column);
    const there = scope.own("there");
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(args.field)) {
      throw new CheckFault(`field ${JSON.stringify(args.field)} is no column's name`);
    }
    const others = `(SELECT DISTINCT \`${args.field}\` AS ${there} FROM ${scope.table(args.to)})`;
    const join = { sql: `LEFT JOIN ${others} ON ${found.sql} = ${there}`, column: there };
    return perRow(scope, `(${found.sql} IS NOT NULL AND ${there} IS NULL)`, [found], { join });
  },
});
