import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";

/** A function in JavaScript that lowered SQL calls. */
export interface Scalar {
  params: DuckDBType[];
  result: DuckDBType;
  /** Given the arguments, none of them NULL; null or undefined: NULL. What it throws becomes the query's error. */
  make: (...args: DuckDBValue[]) => DuckDBValue | undefined;
}

/** An error of the query with GoogleSQL's message, thrown by a Scalar: jobs/duck-errors.ts reads it back. */
export function raised(message: string): Error {
  return new Error(`bq!${message}!qb`);
}

/** Refuses what the service answers and this endpoint does not (notImplemented), met only while the query runs. */
export function unsupported(what: string): Error {
  return new Error(`bq?${what}?qb`);
}
