import type { Table } from "../catalog/catalog.ts";
import { duckTable } from "../catalog/names.ts";
import { typeOfField } from "../catalog/schema.ts";
import type { Transaction } from "../catalog/transaction.ts";
import type { JsonObject } from "../json.ts";
import { fromJson } from "../sql/analysis.ts";
import { field, ident } from "../sql/expr.ts";
import { arrayOf, structOf } from "../sql/types.ts";
import { fromDuck } from "./duck-errors.ts";

/** Rows that go to DuckDB as one JSON text. */
const BATCH = 5_000;

/** Inserts rows that rowToStored made; into another table with the same columns where that is named. */
export async function insertRows(
  transaction: Transaction,
  table: Table,
  rows: JsonObject[],
  into: string = duckTable(table.name),
): Promise<void> {
  const type = structOf(table.fields.map((f) => ({ name: f.name, type: typeOfField(f) })));
  const columns = table.fields.map((f) => ident(f.name)).join(", ");
  const values = table.fields.map((_, i) => field("r.v", i)).join(", ");
  const list = fromJson("$1", arrayOf(type));
  const sql = `INSERT INTO ${into} (${columns}) SELECT ${values} FROM (SELECT unnest(${list}) AS v) AS r`;
  try {
    for (let start = 0; start < rows.length; start += BATCH)
      await transaction.session.run(sql, [JSON.stringify(rows.slice(start, start + BATCH))]);
  } catch (error) {
    throw fromDuck(error);
  }
}
