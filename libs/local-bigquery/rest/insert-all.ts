import { checkWritable, type Table } from "../catalog/catalog.ts";
import { duckTable } from "../catalog/names.ts";
import { BigQueryError, notImplemented } from "../errors.ts";
import { insertRows } from "../jobs/insert-rows.ts";
import { RowError, rowReader } from "../jobs/row-values.ts";
import { isObject, type Json, type JsonObject, objectOr } from "../json.ts";
import { ok, type Reply, type Request } from "./http.ts";
import type { Service } from "./service.ts";

/** How long an insertId is remembered, milliseconds: the service promises about a minute. */
const REMEMBERED = 60_000;

/** Streaming inserts. insertIds are remembered in memory, per table. */
export class InsertAll {
  readonly #service: Service;
  /** When each insertId was last seen, oldest first. */
  readonly #seen = new Map<string, number>();

  constructor(service: Service) {
    this.#service = service;
  }

  async insert(request: Request): Promise<Reply> {
    const { store, engine } = this.#service;
    const { project = "", dataset = "", table: id = "" } = request.params;
    const body = request.json();
    if (body.templateSuffix !== undefined) throw notImplemented("insertAll with templateSuffix");
    const rows = Array.isArray(body.rows) ? body.rows : [];
    if (rows.length === 0) throw new BigQueryError("invalid", "No rows present in the request.");
    const errors: JsonObject[] = [];
    await store.write(async (transaction) => {
      const table = transaction.catalog.getTable({ project, dataset, table: id });
      checkWritable(table);
      const good = this.#convert(table, rows, body.ignoreUnknownValues === true, errors);
      const skip = body.skipInvalidRows === true;
      if (errors.length > 0 && !skip) return stopOthers(good, errors);
      const fresh = good.filter((row) => this.#isNew(table, row.insertId));
      await insertRows(
        transaction,
        table,
        fresh.map((row) => row.stored),
      );
      engine.sizes.change(duckTable(table.name), fresh.length);
    });
    return ok({
      kind: "bigquery#tableDataInsertAllResponse",
      ...(errors.length > 0 ? { insertErrors: errors } : {}),
    });
  }

  #convert(table: Table, rows: unknown[], ignoreUnknown: boolean, errors: JsonObject[]): Converted[] {
    const read = rowReader(table.fields, { ignoreUnknown });
    return rows.flatMap((row, index) => {
      try {
        const given = isObject(row) ? row : {};
        const stored = read(objectOr(given.json));
        return [{ index, stored, insertId: typeof given.insertId === "string" ? given.insertId : undefined }];
      } catch (error) {
        if (!(error instanceof RowError)) throw error;
        const entry = { reason: "invalid", location: error.field, debugInfo: "", message: error.message };
        errors.push({ index, errors: [entry] });
        return [];
      }
    });
  }

  #isNew(table: Table, insertId: string | undefined): boolean {
    if (insertId === undefined) return true;
    const now = this.#service.store.now();
    for (const [key, at] of this.#seen) {
      if (now - at < REMEMBERED) break;
      this.#seen.delete(key);
    }
    const key = `${duckTable(table.name)} ${table.created} ${insertId}`;
    const known = this.#seen.has(key);
    this.#seen.delete(key);
    this.#seen.set(key, now);
    return !known;
  }
}

interface Converted {
  index: number;
  stored: Json[];
  insertId: string | undefined;
}

/** One bad row stops the request: the good ones are reported as stopped. */
function stopOthers(good: Converted[], errors: JsonObject[]): void {
  for (const { index } of good)
    errors.push({ index, errors: [{ reason: "stopped", location: "", debugInfo: "", message: "" }] });
  errors.sort((a, b) => Number(a.index) - Number(b.index));
}
