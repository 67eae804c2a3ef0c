import type { QueryParam } from "@convergence/warehouse/port.ts";
import { render, variableValue } from "../text.ts";
import type { ResolvedQuery, ResolvedSql, Scope } from "../types.ts";
import type { SqlParam, SqlTemplate } from "./compile.ts";

/** What a value in backticks may be: nothing that ends the name or reaches for another dataset. */
const NAME_PART = /^[A-Za-z0-9_-]+$/;

/** Binds a run's values to a compiled query. `place` names the SQL in problems. */
export function resolveSql(sql: SqlTemplate, place: string, scope: Scope): ResolvedQuery {
  return { ...resolveExpression(sql, place, scope), defaultDataset: scope.tenantId };
}

/** Binds a run's values to what is a part of a query. */
export function resolveExpression(sql: SqlTemplate, place: string, scope: Scope): ResolvedSql {
  for (const variable of new Set(
    sql.text.flatMap((part) => (typeof part === "string" ? [] : [part.variable])),
  )) {
    if (NAME_PART.test(String(variableValue(variable, scope.values)))) continue;
    scope.problem(variable, `stands within backticks in ${place}: it may hold only letters, digits, _ and -`);
  }
  return {
    sql: render(sql.text, scope.values),
    params: sql.params.map((param) => bind(param, scope)),
  };
}

function bind({ name, type, value }: SqlParam, scope: Scope): QueryParam {
  return {
    name,
    type,
    value: "text" in value ? render(value.text, scope.values) : variableValue(value.variable, scope.values),
  };
}
