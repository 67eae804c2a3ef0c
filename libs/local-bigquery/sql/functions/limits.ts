/**
 * How much one call may make: DuckDB makes a text or an array in one go, so that no cancelling reaches it meanwhile.
 * The service has limits of its own, and ends with a like error.
 */
const MOST_CHARACTERS = 16 * 1024 * 1024;
const MOST_ELEMENTS = 16 * 1024 * 1024;

/** `sql` where the text that it makes has `length` characters at most as many as one call may make. */
export function limitText(name: string, length: string, sql: string): string {
  return `CASE WHEN ${length} > ${MOST_CHARACTERS} THEN bq.raise('Output of ${name} exceeds max allowed output size of 16MB') ELSE ${sql} END`;
}

/** `sql` where the array that it makes, from one number to another by a step, is not too long. */
export function limitArray(name: string, from: string, to: string, step: string, sql: string): string {
  const length = `(CAST(${to} AS DOUBLE) - ${from}) / nullif(${step}, 0)`;
  return `CASE WHEN ${length} > ${MOST_ELEMENTS} THEN bq.raise('${name} would produce more than ${MOST_ELEMENTS} elements') ELSE ${sql} END`;
}
