/**
 * What a check is. A new one is an entry in one of the files of checks, and a line in index.ts. All checks of a step
 * become one statement (statement.ts), which reads the table once wherever that is possible.
 */
import type { Field, FieldType, ParamType } from "@convergence/warehouse/port.ts";
import { z } from "zod";
import type { VariableUse } from "../step-types/step-type.ts";

/** A column of the checked table, as SQL names it. */
export interface Column {
  sql: string;
  type: FieldType;
}

/** What a check builds its SQL with. */
export interface CheckScope {
  /** A column's field by name or path; undefined where there is none. */
  field(name: string): Field | undefined;
  /** A column that holds one value a row, by name, or by path within records: service.description. @throws CheckFault where there is none */
  column(name: string): Column;
  /** Every top-level column's name. */
  columnNames: readonly string[];
  /** A parameter of the statement. */
  param(type: ParamType, value: string | number | boolean | null): string;
  /** A parameter that can be compared with a column. @throws CheckFault for a column that cannot */
  like(column: Column, value: string | number | boolean): string;
  /** The author's SQL of a field, in parentheses; null where it was left out. */
  sql(field: string): string | null;
  /** Another table of the tenant, as SQL names it. @throws CheckFault for what is no table's name */
  table(name: string): string;
  /** A name of this check's own, for a column or alias. */
  own(name: string): string;
  /** The rows that are checked, for a FROM. */
  source: string;
  /** The first values of an expression that are not null, as an aggregate: ARRAY<STRING>. */
  list(expression: string, order: string): string;
  /** Samples of the rows where a condition holds: an aggregate over them, with these columns. */
  samples(condition: string, columns: readonly Column[]): string;
  /** The moment of the check. */
  now: string;
}

/** How a check is made. `failed` counts failing rows (days, groups); 0: the check holds. */
export type CheckPlan =
  /** By aggregates over the table's rows. `failed` INT64, `observed` STRING, `samples` ARRAY<STRING>. */
  | {
      by: "rows";
      /** A column more of each row, `expression AS name`: window functions. */
      column?: string;
      /** A join that leaves each row once, with the columns that it adds. */
      join?: { sql: string; column: string };
      failed: string;
      observed: string;
      samples: string;
    }
  /** By a query of its own within the statement: one row of failed, observed, samples. */
  | { by: "query"; sql: string }
  /** Known by the table's schema alone. */
  | { by: "schema"; faults: string[]; observed: string };

/** A check that cannot be made on this table: it counts as failed, whatever its severity. */
export class CheckFault extends Error {
  override readonly name = "CheckFault";
}

export interface CheckType {
  name: string;
  fields: z.ZodRawShape;
  /** Which of its fields are SQL; all others are text. */
  sql: Readonly<Record<string, Exclude<VariableUse, "text">>>;
  /** Faults that no single field shows. */
  check(args: unknown, tell: (field: string, message: string) => void): void;
  /** What it is about, for people: `not_null(cost)`. */
  label(args: unknown): string;
  plan(args: unknown, scope: CheckScope): CheckPlan;
}

type Fields<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;

/** Declares a check; its functions get its fields with their types. */
export function checkType<Shape extends z.ZodRawShape>(type: {
  name: string;
  fields: Shape;
  sql?: CheckType["sql"];
  check?(args: Fields<Shape>, tell: (field: string, message: string) => void): void;
  about(args: Fields<Shape>): string;
  plan(args: Fields<Shape>, scope: CheckScope): CheckPlan;
}): CheckType {
  const own = z.object(type.fields);
  return {
    name: type.name,
    fields: type.fields,
    sql: type.sql ?? {},
    check: (args, tell) => type.check?.(own.parse(args), tell),
    label(args) {
      const read = own.safeParse(args);
      return read.success ? `${type.name}(${type.about(read.data)})` : type.name;
    },
    plan(args, scope) {
      const read = own.safeParse(args);
      if (read.success) return type.plan(read.data, scope);
      // The template is right: a variable came to what the check cannot take.
      throw new CheckFault(
        read.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join(", "),
      );
    },
  };
}

interface PerRow {
  column?: string;
  join?: { sql: string; column: string };
  /** Of which failing rows samples are taken: all, unless given. */
  sampled?: string;
}

/** A check that fails for each row where `condition` holds. A null condition fails nothing. */
export function perRow(
  scope: CheckScope,
  condition: string,
  columns: readonly Column[],
  { sampled = condition, ...more }: PerRow = {},
): CheckPlan {
  return {
    by: "rows",
    ...more,
    failed: `COUNTIF(${condition})`,
    observed: `CONCAT(CAST(COUNTIF(${condition}) AS STRING), ' of ', CAST(COUNT(*) AS STRING), ' rows')`,
    samples: scope.samples(sampled, columns),
  };
}

export const NO_SAMPLES = "ARRAY<STRING>[]";
