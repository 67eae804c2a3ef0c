import type { DuckDBMaterializedResult, DuckDBPreparedStatement } from "@duckdb/node-api";
import { VARCHAR } from "@duckdb/node-api";
import type { Session } from "../catalog/session.ts";
import type { Bind } from "../sql/analysis.ts";
import type { Parameter } from "../sql/params.ts";
import { fromDuck } from "./duck-errors.ts";

/** The values that a lowered statement runs with. */
export interface Values {
  binds: Bind[];
  parameters: ReadonlyMap<string, Parameter>;
  /** The statement's CURRENT_TIMESTAMP, Unix milliseconds. */
  now: number;
}

export const NO_VALUES: Values = { binds: [], parameters: new Map(), now: 0 };

/** Runs one lowered SQL text. Rejects with BigQueryError. */
export async function runLowered(
  session: Session,
  sql: string,
  values: Values,
): Promise<DuckDBMaterializedResult> {
  try {
    if (values.binds.length === 0) return await session.run(sql);
    return await session.execute(sql, (statement) => {
      for (const [i, bind] of values.binds.entries()) bindOne(statement, i + 1, bind, values);
    });
  } catch (error) {
    throw fromDuck(error);
  }
}

/** Binds $n where the text uses it: a statement's check and the statement itself share their numbers. */
function bindOne(statement: DuckDBPreparedStatement, n: number, bind: Bind, values: Values): void {
  if (!usesParameter(statement, n)) return;
  const parameter = bind.kind === "param" ? values.parameters.get(bind.name) : undefined;
  if (parameter) statement.bindValue(n, parameter.value, parameter.duck);
  else statement.bindValue(n, timeText(values.now), VARCHAR);
}

function usesParameter(statement: DuckDBPreparedStatement, n: number): boolean {
  try {
    return statement.parameterIndex(String(n)) > 0;
  } catch {
    return false;
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}
