import { z } from "zod";
import type { CheckType } from "../data-quality/check-type.ts";
import { CHECK_TYPES, checkSchema, findCheckType, type severity } from "../data-quality/index.ts";
import { readScalar } from "../parameters.ts";
import { resolveExpression } from "../sql/bind.ts";
import { compileSql, type VariableTypes } from "../sql/compile.ts";
import { asSubquery } from "../sql/subquery.ts";
import { compileText, render } from "../text.ts";
import type { JsonValue, QualityWork, ResolvedCheck, ResolvedSql, Scope, Severity } from "../types.ts";
import { TABLE_NAME } from "./destination.ts";
import { stepType, type VariableFields } from "./step-type.ts";

/** The fields that every step of checks has. */
export const headFields = {
  table: z.string().min(1, "must not be empty").describe("The table that is checked"),
  where: z.string().min(1, "must not be empty").optional().describe("Which of its rows: a condition"),
  mode: z
    .enum(["fail", "warn"])
    .optional()
    .describe("Whether a FAIL fails the step (fail, the default), or is only recorded (warn)"),
};

const SQL_FIELDS: VariableFields = Object.fromEntries(
  CHECK_TYPES.flatMap(({ sql }) => Object.entries(sql)).map(([field, use]) => [`checks.${field}`, use]),
);

/** Checks a table; what was found goes to dq_results. */
export const dataQuality = stepType({
  name: "data_quality",
  earlierNames: ["dq_check"],
  fields: {
    ...headFields,
    sample_columns: z
      .array(z.string().min(1, "must not be empty"))
      .optional()
      .describe("Columns that samples of failing rows show beside those checked"),
    checks: z.array(checkSchema).min(1, "must have at least one check").describe("What has to hold"),
  },
  variables: { table: "text", where: "expression", sample_columns: "text", checks: "text", ...SQL_FIELDS },

  check(step, tell) {
    for (const [i, check] of step.checks.entries()) {
      findCheckType(check.check)?.check(check, (field, message) => tell(["checks", i, field], message));
    }
  },

  compile(step, place, types) {
    const checks = step.checks.map((check, i) => compileCheck(check, `${place}.checks[${i}]`, i, types));
    const work = compileHead(step, place, types);
    const sampled = (step.sample_columns ?? []).map(compileText);
    return (scope) => ({
      type: "data_quality",
      ...work(scope),
      sampleColumns: sampled.map((name) => render(name, scope.values)),
      checks: checks.map((check) => check(scope)),
    });
  },
});

interface Head {
  table: string;
  where?: string | undefined;
  mode?: "fail" | "warn" | undefined;
}

/** Compiles what a data_quality and a reconciliation step have in common. */
export function compileHead(
  { table, where, mode = "fail" }: Head,
  place: string,
  types: VariableTypes,
): (scope: Scope) => Omit<QualityWork, "checks" | "sampleColumns"> {
  const name = compileText(table);
  const condition = where === undefined ? null : compileSql(where, types, "expression", "where_").sql;
  return (scope) => {
    const rendered = render(name, scope.values);
    if (!TABLE_NAME.test(rendered))
      scope.problem(`${place}.table`, "makes no table name: letters, digits, _ and -");
    return {
      table: rendered,
      where: condition && resolveExpression(condition, `${place}.where`, scope),
      mode,
      template: ["provider", "domain", "template_name"].map((part) => scope.values.get(part)).join("/"),
      day: dayOf(scope),
    };
  };
}

/** A check as a template writes it: its name, its severity, and the fields of its type. */
interface WrittenCheck {
  check: string;
  severity?: z.output<typeof severity> | undefined;
}

/** Compiles one check without faults. `index` keeps its parameters apart from other checks'. */
export function compileCheck(
  check: WrittenCheck,
  place: string,
  index: number,
  types: VariableTypes,
): (scope: Scope) => ResolvedCheck {
  const type = findCheckType(check.check);
  if (type === undefined) throw new TypeError("an unknown check is a fault, and faults are not built");
  const { check: name, severity: given = "fail", ...args } = check;
  const level: Severity = given;
  const sql = compileParts(type, args, place, index, types);
  return (scope) => ({
    check: name,
    severity: level,
    args: Object.fromEntries(
      Object.entries(args).flatMap(([field, value]) =>
        value === undefined ? [] : [[field, field in type.sql ? plain(value) : rendered(value, scope)]],
      ),
    ),
    sql: Object.fromEntries(sql.map(([field, resolve]) => [field, resolve(scope)])),
  });
}

function compileParts(
  type: CheckType,
  args: Readonly<Record<string, unknown>>,
  place: string,
  index: number,
  types: VariableTypes,
): [string, (scope: Scope) => ResolvedSql][] {
  return Object.entries(type.sql).flatMap(([field, use]) => {
    const text = args[field];
    if (typeof text !== "string") return [];
    const prefix = `c${index}_${field}_`;
    const sql = compileSql(text, types, use === "sql" ? "query" : "expression", prefix).sql;
    const resolve = (scope: Scope): ResolvedSql => {
      const found = resolveExpression(sql, `${place}.${field}`, scope);
      return { ...found, sql: asSubquery(found.sql) };
    };
    return [[field, resolve]];
  });
}

/** Every text of a value with its variables replaced. */
function rendered(value: unknown, scope: Scope): JsonValue {
  if (Array.isArray(value)) return value.map((item) => rendered(item, scope));
  return typeof value === "string" ? render(compileText(value), scope.values) : plain(value);
}

function plain(value: unknown): JsonValue {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** The run's `date`, where it has one that is a day. */
function dayOf({ values }: Scope): string | null {
  const date = readScalar("date", values.get("date"));
  return "value" in date ? String(date.value) : null;
}
