import { invalidQuery } from "../errors.ts";
import { coerce, coercible } from "./coerce.ts";
import type { Expr } from "./expr.ts";
import { DATETIME, INT64, INTERVAL, TIMESTAMP } from "./types.ts";

const DAY = 86_400_000_000;

/** The difference of two values of a kind, in DuckDB SQL. */
const DIFFERENCES: Record<string, (a: string, b: string) => string> = {
  DATE: (a, b) => `bq_make_interval(0, date_diff('day', ${b}, ${a}), 0)`,
  DATETIME: (a, b) => {
    const micros = `(epoch_us(${a}) - epoch_us(${b}))`;
    return `bq_make_interval(0, ${micros} // ${DAY}, ${micros} % ${DAY})`;
  },
  TIMESTAMP: (a, b) => `bq_make_interval(0, 0, epoch_us(${a}) - epoch_us(${b}))`,
  TIME: (a, b) => `bq_make_interval(0, 0, date_diff('microsecond', ${b}, ${a}))`,
};

/** Arithmetic that takes or gives INTERVAL values; undefined where the types are none of its. */
export function intervalOperator(symbol: string, left: Expr, right: Expr, where: string): Expr | undefined {
  const [a, b] = [left.type.kind, right.type.kind];
  const difference = symbol === "-" && a === b ? DIFFERENCES[a] : undefined;
  if (difference) return { sql: difference(left.sql, right.sql), type: INTERVAL, where };
  if (a === "INTERVAL" && b === "INTERVAL" && (symbol === "+" || symbol === "-"))
    return {
      sql: `bq_interval_${symbol === "+" ? "add" : "subtract"}(${left.sql}, ${right.sql})`,
      type: INTERVAL,
      where,
    };
  if (b === "INTERVAL" && (symbol === "+" || symbol === "-")) return shifted(symbol, left, right, where);
  if (a === "INTERVAL" && symbol === "+") return shifted(symbol, right, left, where);
  if (b === "INTERVAL" && symbol === "*") return scaled(symbol, right, left, where);
  return a === "INTERVAL" && (symbol === "*" || symbol === "/")
    ? scaled(symbol, left, right, where)
    : undefined;
}

/** Months first, then days, then the clock. */
function shifted(symbol: string, value: Expr, interval: Expr, where: string): Expr | undefined {
  const kind = value.type.kind;
  if (kind !== "DATE" && kind !== "DATETIME" && kind !== "TIMESTAMP") return undefined;
  if (kind !== "TIMESTAMP")
    return { sql: `(CAST(${value.sql} AS TIMESTAMP) ${symbol} ${interval.sql})`, type: DATETIME, where };
  const clock = `to_microseconds(bq_interval_clock(${interval.sql}))`;
  return { sql: `(${value.sql} ${symbol} ${clock})`, type: TIMESTAMP, where };
}

function scaled(symbol: string, interval: Expr, by: Expr, where: string): Expr {
  if (!coercible(by, INT64))
    throw invalidQuery(
      `No matching signature for operator ${symbol} for argument types: INTERVAL, ${by.type.kind}${where}`,
    );
  const how = symbol === "*" ? "times" : "divide";
  return { sql: `bq_interval_${how}(${interval.sql}, ${coerce(by, INT64).sql})`, type: INTERVAL, where };
}
