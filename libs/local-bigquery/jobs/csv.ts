/** How a CSV file is written. */
export interface CsvFormat {
  delimiter: string;
  quote: string;
  nullMarker: string;
  quotedNewlines: boolean;
}

/** A cell's text; null for the null marker (a quoted cell is never null). */
export type Cell = string | null;

export interface CsvRecord {
  cells: Cell[];
  /** Where it begins in the text. */
  at: number;
}

/** Text that is no CSV. */
export class CsvError extends Error {
  override readonly name = "CsvError";
  /** Where the record at fault begins in the text. */
  readonly at: number;
  constructor(record: number, at: number, why: string) {
    super(`Error detected while parsing row ${record}: ${why}`);
    this.at = at;
  }
}

/** Reads CSV text (RFC 4180) record by record. Throws CsvError. */
export function* readCsv(text: string, format: CsvFormat): Generator<CsvRecord> {
  const { delimiter, quote, nullMarker } = format;
  let at = 0;
  let record = 1;
  while (at < text.length) {
    const cells: Cell[] = [];
    const begin = at;
    const fault = (why: string): CsvError => new CsvError(record, begin, why);
    for (;;) {
      if (quote !== "" && text[at] === quote) {
        const { value, end } = readQuoted(text, at, format, fault);
        cells.push(value);
        at = end;
      } else {
        const end = endOfCell(text, at, delimiter);
        const value = text.slice(at, end);
        cells.push(value === nullMarker ? null : value);
        at = end;
      }
      if (!text.startsWith(delimiter, at)) break;
      at += delimiter.length;
    }
    if (text[at] === "\r") at++;
    if (at < text.length && text[at] !== "\n")
      throw fault("data between close double quote and field separator");
    at++;
    if (cells.length > 1 || (cells[0] !== null && cells[0] !== "")) yield { cells, at: begin };
    record++;
  }
}

function endOfCell(text: string, start: number, delimiter: string): number {
  let at = start;
  while (at < text.length && text[at] !== "\n" && text[at] !== "\r" && !text.startsWith(delimiter, at)) at++;
  return at;
}

function readQuoted(
  text: string,
  start: number,
  format: CsvFormat,
  fault: (why: string) => CsvError,
): { value: string; end: number } {
  const { quote } = format;
  let value = "";
  let at = start + 1;
  for (;;) {
    const close = text.indexOf(quote, at);
    if (close < 0) throw fault("missing close double quote");
    value += text.slice(at, close);
    if (text[close + 1] !== quote) {
      if (value.includes("\n") && !format.quotedNewlines)
        throw fault("quoted newlines need allowQuotedNewlines");
      return { value, end: close + 1 };
    }
    value += quote;
    at = close + 2;
  }
}
