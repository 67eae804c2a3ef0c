import { type Field, readFields } from "../catalog/schema.ts";
import { BigQueryError, invalid, notImplemented } from "../errors.ts";
import { isObject, type Json, type JsonObject, numberOf, objectOr, stringOr } from "../json.ts";
import { readDestination } from "./configuration.ts";
import { type Destination, readyTable, writeStaged } from "./destination.ts";
import { detectCsv, detectJson } from "./detect.ts";
import { insertRows } from "./insert-rows.ts";
import type { Outcome, Work } from "./jobs.ts";
import { csvRecords, jsonRecords, type Read } from "./load-records.ts";
import { readParquet } from "./parquet.ts";
import type { QueryEngine } from "./query-work.ts";
import { RowError, rowReader } from "./row-values.ts";

interface Load {
  destination: Destination;
  fields: Field[] | undefined;
  format: "CSV" | "NEWLINE_DELIMITED_JSON" | "PARQUET";
  options: JsonObject;
}

const REFUSED = ["sourceUris", "schemaUpdateOptions", "hivePartitioningOptions"];

function readLoad(project: string, options: JsonObject): Load {
  for (const name of REFUSED) {
    const value = options[name];
    if (value === true || (Array.isArray(value) && value.length > 0) || isObject(value))
      throw notImplemented(`load option ${name}`);
  }
  const format = stringOr(options.sourceFormat, "CSV");
  if (format !== "CSV" && format !== "NEWLINE_DELIMITED_JSON" && format !== "PARQUET")
    throw notImplemented(`sourceFormat ${format}`);
  const destination = readDestination(project, options, "WRITE_APPEND");
  if (!destination) throw new BigQueryError("required", "Required parameter is missing: destinationTable");
  const schema = objectOr(options.schema).fields;
  return { destination, fields: schema === undefined ? undefined : readFields(schema), format, options };
}

/** The work of a load job on uploaded data: all rows or none. */
export function loadWork(
  { store, sizes }: QueryEngine,
  project: string,
  options: JsonObject,
  data: Buffer,
): Work {
  const asked = readLoad(project, options);
  return async (running) => {
    const { load, rows: content, found } = await prepared(asked, data);
    return store.write(async (transaction): Promise<Outcome> => {
      const { destination } = load;
      const existing = transaction.catalog.findTable(destination.name);
      const own = destination.write === "WRITE_TRUNCATE" && found ? undefined : existing?.fields;
      const fields = load.fields ?? (load.format === "PARQUET" ? found : undefined) ?? own ?? found;
      if (!fields) throw invalid("No schema specified on job or table.");
      const { partition, write } = destination;
      const whole: Destination = { ...destination, write: partition === undefined ? write : "WRITE_APPEND" };
      const table = await readyTable(transaction, whole, fields, () => store.creationTime());
      const bad = { count: 0 };
      const rows = readRows(load, table.fields, fields, content, bad);
      let written = 0;
      const insert = async (stage?: string): Promise<void> => {
        written = await insertRows(transaction, table, rows, stage);
      };
      if (partition === undefined) await insert();
      else await writeStaged(transaction, destination, table, insert);
      sizes.forgetAll();
      const statistics = {
        load: {
          inputFiles: "1",
          inputFileBytes: String(data.length),
          outputRows: String(written),
          outputBytes: String(data.length),
          badRecords: String(bad.count),
        },
      };
      await running.record(transaction, statistics);
      return { statistics, result: undefined };
    });
  };
}

interface Prepared {
  load: Load;
  /** As `load.format` says, but for Parquet: that comes as newline-delimited JSON. */
  rows: Buffer;
  /** The columns that the data itself tells. */
  found: Field[] | undefined;
}

/** Reads what a load has to know of its data before it begins. */
async function prepared(load: Load, data: Buffer): Promise<Prepared> {
  if (load.format === "PARQUET") {
    const { fields, lines } = await readParquet(data);
    return { load, rows: lines, found: fields };
  }
  if (load.options.autodetect !== true || load.fields) return { load, rows: data, found: undefined };
  const { fields, skip } = load.format === "CSV" ? detectCsv(load.options, data) : detectJson(data);
  const options = { ...load.options, skipLeadingRows: skip };
  return { load: { ...load, options }, rows: data, found: fields.length === 0 ? undefined : fields };
}

/** The rows as they are read; counts those that are bad, and throws where they are more than the job allows. */
function* readRows(
  load: Load,
  stored: Field[],
  given: Field[],
  data: Buffer,
  bad: { count: number },
): Generator<Json[]> {
  const allowed = numberOf(load.options.maxBadRecords) ?? 0;
  const toStored = rowReader(stored, { ignoreUnknown: load.options.ignoreUnknownValues === true });
  let number = 0;
  for (const read of records(load, given, data)) {
    number++;
    let row: Json[];
    try {
      row = toStored(read.value());
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      if (++bad.count <= allowed) continue;
      throw invalid(
        `Error while reading data, error message: Row ${number}, field ${error.field}: ${error.message}; row starting at position ${read.position()}`,
      );
    }
    yield row;
  }
}

function records(load: Load, fields: Field[], data: Buffer): Iterable<Read> {
  return load.format === "CSV" ? csvRecords(load.options, fields, data) : jsonRecords(data);
}
