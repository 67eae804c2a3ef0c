import type { Field, FieldType, ParamType, QueryParam } from "@convergence/warehouse/port.ts";
import { TABLE_NAME } from "../step-types/destination.ts";
import type { ResolvedCheck } from "../types.ts";
import { CheckFault, type CheckScope, type Column } from "./check-type.ts";

/** The rows that are checked, within the statement. */
export const SOURCE = "_dq_source";
/** The moment of the check, as a parameter. */
export const NOW = "dq_now";

/** So many samples of a check are kept, each of so many characters. */
export const MAX_SAMPLES = 5;
const MAX_SAMPLE_LENGTH = 500;

const COLUMN_PATH = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;

/** Types that a value of a template can be compared with, by what a query parameter calls them. */
const LIKE: Partial<Record<FieldType, ParamType>> = {
  STRING: "STRING",
  INTEGER: "INT64",
  FLOAT: "FLOAT64",
  NUMERIC: "NUMERIC",
  BIGNUMERIC: "BIGNUMERIC",
  BOOLEAN: "BOOL",
  TIMESTAMP: "TIMESTAMP",
  DATE: "DATE",
  DATETIME: "DATETIME",
  TIME: "TIME",
};

/** What one check of a table builds its SQL with; its parameters go to `params`. */
export class TableScope implements CheckScope {
  readonly source = SOURCE;
  readonly now = `@${NOW}`;
  readonly columnNames: readonly string[];
  readonly #fields: readonly Field[];
  readonly #check: ResolvedCheck;
  readonly #index: number;
  readonly #sampled: readonly Column[];
  readonly #params: QueryParam[];

  /** @throws CheckFault where a column of `sampleColumns` is not there */
  constructor(
    fields: readonly Field[],
    check: ResolvedCheck,
    index: number,
    sampleColumns: readonly string[],
    params: QueryParam[],
  ) {
    this.#fields = fields;
    this.#check = check;
    this.#index = index;
    this.#params = params;
    this.columnNames = fields.map(({ name }) => name);
    this.#sampled = sampleColumns.map((name) => this.column(name));
  }

  field(name: string): Field | undefined {
    let within: readonly Field[] = this.#fields;
    let found: Field | undefined;
    for (const part of name.split(".")) {
      if (found?.mode === "REPEATED") return undefined;
      found = within.find((field) => field.name.toLowerCase() === part.toLowerCase());
      within = found?.fields ?? [];
    }
    return found;
  }

  // An arrow function: checks map names by it.
  column = (name: string): Column => {
    if (!COLUMN_PATH.test(name)) throw new CheckFault(`${JSON.stringify(name)} is no column's name`);
    const field = this.field(name);
    if (field === undefined) throw new CheckFault(`the table has no column ${name}`);
    if (field.mode === "REPEATED") throw new CheckFault(`${name} is an array: no check is made of one`);
    const sql = name
      .split(".")
      .map((part) => `\`${part}\``)
      .join(".");
    return { sql, type: field.type };
  };

  param(type: ParamType, value: string | number | boolean | null): string {
    const name = `c${this.#index}_${this.#params.length}`;
    this.#params.push({ name, type, value });
    return `@${name}`;
  }

  like({ sql, type }: Column, value: string | number | boolean): string {
    const param = LIKE[type];
    if (param === undefined) throw new CheckFault(`${sql} is a ${type}: its values cannot be compared`);
    const isFraction = typeof value === "number" && !Number.isInteger(value);
    return this.param(param === "INT64" && isFraction ? "FLOAT64" : param, value);
  }

  sql(field: string): string | null {
    const found = this.#check.sql[field];
    if (found === undefined) return null;
    this.#params.push(...found.params);
    return `(\n${found.sql}\n)`;
  }

  table(name: string): string {
    if (!TABLE_NAME.test(name)) throw new CheckFault(`${JSON.stringify(name)} is no table's name`);
    return `\`${name}\``;
  }

  own(name: string): string {
    return `_dq${this.#index}_${name}`;
  }

  list(expression: string, order: string): string {
    return `ARRAY_AGG(${expression} IGNORE NULLS ORDER BY ${order} LIMIT ${MAX_SAMPLES})`;
  }

  samples(condition: string, columns: readonly Column[]): string {
    const shown = new Map([...this.#sampled, ...columns].map((column) => [column.sql, column]));
    if (shown.size === 0) return "ARRAY<STRING>[]";
    const text = `LEFT(TO_JSON_STRING(STRUCT(${[...shown.keys()].map(member).join(", ")})), ${MAX_SAMPLE_LENGTH})`;
    return `ARRAY_AGG(IF(${condition}, ${text}, NULL) IGNORE NULLS LIMIT ${MAX_SAMPLES})`;
  }
}

/** A column of a sample: a field of a record by its whole path, so that sku.id and project.id stay apart. */
function member(sql: string): string {
  return sql.includes(".") ? `${sql} AS ${sql.replaceAll("`", "").replaceAll(".", "_")}` : sql;
}
