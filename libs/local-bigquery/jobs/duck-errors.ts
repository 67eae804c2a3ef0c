import { BigQueryError, invalidQuery, notFound, notImplemented } from "../errors.ts";

/** DuckDB's messages as the service's errors. What a value cannot be keeps DuckDB's words, as invalidQuery. */
export function fromDuck(error: unknown): Error {
  if (error instanceof BigQueryError) return error;
  if (!(error instanceof Error)) return invalidQuery(String(error));
  const text = error.message;
  const raised = /bq!([\s\S]*?)!qb/.exec(text);
  if (raised) return invalidQuery(raised[1] ?? "");
  // It cannot plan TRY in a MERGE's condition; it serves on.
  if (/^INTERNAL Error: Failed to bind column reference/.test(text))
    return notImplemented("a MERGE condition with a SAFE function");
  const gone = /^Catalog Error: Table with name (\S+) does not exist/.exec(text)?.[1];
  if (gone !== undefined) return notFound(`Table ${gone}`);
  const unsupported = /bq\?([\s\S]*?)\?qb/.exec(text);
  if (unsupported) return notImplemented(unsupported[1] ?? "");
  // DuckDB's own fault, after which it serves nothing until it is opened again.
  if (/^(FATAL|INTERNAL) Error/.test(text))
    return new BigQueryError("backendError", `DuckDB failed: ${firstLine(text)}`);
  const required = /NOT NULL constraint failed: .*\.(\S+)/.exec(text);
  if (required)
    return invalidQuery(`Required field ${(required[1] ?? "").replaceAll('"', "")} cannot be null`);
  if (/Overflow in|out of range for the destination type/i.test(text)) return invalidQuery(overflow(text));
  if (text.includes("INTERRUPT"))
    return new BigQueryError("stopped", "Job execution was cancelled: User requested cancellation");
  if (/More than one row returned by a subquery/.test(text))
    return invalidQuery("Scalar subquery produced more than one element");
  if (/must appear in the GROUP BY clause|must be part of an aggregate/.test(text))
    return invalidQuery(
      `SELECT list expression references a column which is neither grouped nor aggregated (${firstLine(text)})`,
    );
  if (/another transaction has altered this table/.test(text))
    return notImplemented("rows and columns of one table changed in one script");
  if (/Out of Memory/i.test(text))
    return new BigQueryError("resourcesExceeded", "Resources exceeded during query execution: memory limit");
  // The statement was lowered to what DuckDB does not take: it may well be right for the service.
  if (/^(Binder|Parser|Catalog|Not implemented) Error/.test(text))
    return notImplemented(`a statement that DuckDB refuses (${firstLine(text)})`);
  return invalidQuery(firstLine(text));
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}

/** "int64 overflow: a + b", as the service says it. */
function overflow(text: string): string {
  const sum = /Overflow in (\w+) of INT64 \((-?\d+) ([-+*/]) (-?\d+)\)/.exec(text);
  return sum ? `int64 overflow: ${sum[2]} ${sum[3]} ${sum[4]}` : `Value out of range: ${firstLine(text)}`;
}
