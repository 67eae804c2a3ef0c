import type { Table } from "../catalog/catalog.ts";
import { duckTable } from "../catalog/names.ts";
import { type Field, typeOfField } from "../catalog/schema.ts";
import type { Transaction } from "../catalog/transaction.ts";
import type { Json } from "../json.ts";
import { fromJson } from "../sql/analysis.ts";
import { ident } from "../sql/expr.ts";
import { arrayOf } from "../sql/types.ts";
import { fromDuck } from "./duck-errors.ts";

/** Rows that go to DuckDB at once. */
const BATCH = 10_000;

/**
 * Inserts rows that a RowReader read; into another table with the same columns where that is named. The next batch is
 * read while DuckDB takes in the one before. Returns how many. Rejects with BigQueryError.
 */
export async function insertRows(
  transaction: Transaction,
  table: Table,
  rows: Iterable<Json[]>,
  into: string = duckTable(table.name),
): Promise<number> {
  const sql = insertSql(table.fields, into);
  let inserted = 0;
  let under: Promise<unknown> = Promise.resolve();
  try {
    for (const { columns, count } of batches(rows, table.fields.length)) {
      const texts = columns.map((column) => JSON.stringify(column));
      await under;
      under = transaction.session.run(sql, texts);
      // Awaited a turn later.
      under.catch(() => undefined);
      inserted += count;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await under;
  } catch (error) {
    await under.catch(() => undefined);
    throw fromDuck(error);
  }
  return inserted;
}

/** One parameter a column: the JSON list of its values. */
function insertSql(fields: Field[], into: string): string {
  const names = fields.map((f) => ident(f.name)).join(", ");
  const lists = fields.map((f, i) => `unnest(${fromJson(`$${i + 1}`, arrayOf(typeOfField(f)))}) AS v${i}`);
  const values = fields.map((_, i) => `r.v${i}`).join(", ");
  return `INSERT INTO ${into} (${names}) SELECT ${values} FROM (SELECT ${lists.join(", ")}) AS r`;
}

function* batches(rows: Iterable<Json[]>, width: number): Generator<{ columns: Json[][]; count: number }> {
  const empty = (): Json[][] => Array.from({ length: width }, () => []);
  let columns = empty();
  let count = 0;
  for (const row of rows) {
    for (const [i, column] of columns.entries()) column.push(row[i] ?? null);
    if (++count < BATCH) continue;
    yield { columns, count };
    columns = empty();
    count = 0;
  }
  if (count > 0) yield { columns, count };
}
