import type { Field } from "../catalog/schema.ts";
import { invalid, notImplemented } from "../errors.ts";
import { isObject, type JsonObject, numberOf, parseJson, stringOr } from "../json.ts";
import { CsvError, type CsvFormat, readCsv } from "./csv.ts";
import { RowError } from "./row-values.ts";

/** A record of a load job's data. */
export interface Read {
  /** Where it begins, in bytes. */
  position(): number;
  /** Throws RowError. */
  value(): JsonObject;
}

/** Newline-delimited JSON. */
export function* jsonRecords(data: Buffer): Generator<Read> {
  for (const { line, position } of linesOf(data)) {
    if (line.trim() === "") continue;
    const value = (): JsonObject => {
      const parsed = parseJson(line);
      if (!isObject(parsed)) throw new RowError("", "JSON parsing error: the line is not a JSON object");
      return parsed;
    };
    yield { position: () => position, value };
  }
}

/** Bytes that are turned into text at once. */
const PIECE = 1 << 20;

/** The lines of UTF-8 text, piece by piece: the whole as text would be twice its size. */
function* linesOf(data: Buffer): Generator<{ line: string; position: number }> {
  for (let start = 0; start < data.length; ) {
    const last = start + PIECE >= data.length ? -1 : data.indexOf(0x0a, start + PIECE);
    const end = last < 0 ? data.length : last + 1;
    let position = start;
    for (const line of data.toString("utf8", start, end).split("\n")) {
      yield { line, position };
      position += Buffer.byteLength(line) + 1;
    }
    start = end;
  }
}

/** How a load job says that its CSV is written. */
export function csvFormat(options: JsonObject): CsvFormat {
  const encoding = stringOr(options.encoding, "UTF-8");
  if (encoding !== "UTF-8") throw notImplemented(`encoding ${encoding}`);
  return {
    delimiter: stringOr(options.fieldDelimiter, ",") || ",",
    quote: stringOr(options.quote, '"'),
    nullMarker: stringOr(options.nullMarker, ""),
    quotedNewlines: options.allowQuotedNewlines === true,
  };
}

/** CSV, its cells by the position of the fields. Throws BigQueryError where it is no CSV. */
export function* csvRecords(options: JsonObject, fields: Field[], data: Buffer): Generator<Read> {
  const format = csvFormat(options);
  let skip = numberOf(options.skipLeadingRows) ?? 0;
  const nested = fields.find((f) => f.fields || f.mode === "REPEATED");
  if (nested) throw invalid(`CSV cannot hold the nested or repeated field ${nested.name}`);
  const text = data.toString("utf8");
  const position = (at: number): number => Buffer.byteLength(text.slice(0, at));
  try {
    for (const { cells, at } of readCsv(text, format)) {
      if (skip-- > 0) continue;
      const value = (): JsonObject => {
        const missing = cells.length < fields.length && options.allowJaggedRows !== true;
        if (missing || (cells.length > fields.length && options.ignoreUnknownValues !== true))
          throw new RowError(
            "",
            `${missing ? "Too few" : "Too many"} values in row: ${cells.length} of ${fields.length}`,
          );
        return Object.fromEntries(fields.map((f, i) => [f.name, cells[i] ?? null]));
      };
      yield { position: () => position(at), value };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const row = `row starting at position ${position(error.at)}`;
    throw invalid(`Error while reading data, error message: ${error.message}; ${row}`);
  }
}
