import { checkWritable, type Table, viewQuery } from "../catalog/catalog.ts";
import { duckTable, legacyName } from "../catalog/names.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { BigQueryError, invalid, notImplemented } from "../errors.ts";
import { isObject, type JsonObject, stringOr } from "../json.ts";
import { ident } from "../sql/expr.ts";
import { readDestination, readTableReference } from "./configuration.ts";
import { readyTable } from "./destination.ts";
import type { Outcome, Work } from "./jobs.ts";
import type { QueryEngine } from "./query-work.ts";

/** Copies all rows, column by name. Returns how many. */
export async function copyRows(transaction: Transaction, from: Table, to: Table): Promise<number> {
  const names = from.fields.map((f) => ident(f.name)).join(", ");
  const sql = `INSERT INTO ${duckTable(to.name)} (${names}) SELECT ${names} FROM ${duckTable(from.name)}`;
  return (await transaction.session.run(sql)).rowsChanged;
}

/** The work of a copy job: the rows of one or more tables to another, all or none. */
export function copyWork({ store, sizes }: QueryEngine, project: string, options: JsonObject): Work {
  const how = stringOr(options.operationType, "COPY");
  if (how !== "COPY" && how !== "OPERATION_TYPE_UNSPECIFIED")
    throw notImplemented(`a copy job of type ${how}`);
  const destination = readDestination(project, options);
  const listed = Array.isArray(options.sourceTables) ? options.sourceTables : [options.sourceTable];
  if (!destination || listed.length === 0)
    throw new BigQueryError("required", "Required parameter is missing: sourceTable, destinationTable");
  if (destination.partition !== undefined) throw notImplemented("a copy into one partition");
  const sources = listed.map((source) => readTableReference(project, source));
  return (running) =>
    store.write(async (transaction): Promise<Outcome> => {
      const tables = sources.map((source) => transaction.catalog.getTable(source));
      const [first] = tables;
      if (!first) throw invalid("A copy job needs a source table");
      for (const table of tables) {
        if (viewQuery(table) !== undefined)
          throw invalid(`${legacyName(table.name)} is a view and cannot be copied`);
        if (duckTable(table.name) === duckTable(destination.name))
          throw invalid("A table cannot be copied onto itself");
      }
      const { timePartitioning, rangePartitioning, clustering } = first.metadata;
      const layout: JsonObject = { timePartitioning, rangePartitioning, clustering, ...destination.metadata };
      const metadata = Object.fromEntries(Object.entries(layout).filter(([, value]) => isObject(value)));
      const target = await readyTable(transaction, { ...destination, metadata }, first.fields, () =>
        store.creationTime(),
      );
      checkWritable(target);
      let rows = 0;
      for (const table of tables) rows += await copyRows(transaction, table, target);
      sizes.forgetAll();
      const statistics = { copy: { copiedRows: String(rows), copiedLogicalBytes: String(rows * 8) } };
      await running.record(transaction, statistics);
      return { statistics, result: undefined };
    });
}
