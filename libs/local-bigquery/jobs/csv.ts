/** How a CSV file is written. */
export interface CsvFormat {
  delimiter: string;
  quote: string;
  nullMarker: string;
  quotedNewlines: boolean;
}

/** A cell's text; null for the null marker (a quoted cell is never null). */
export type Cell = string | null;

/** Reads CSV text (RFC 4180) record by record. Throws Error with the record's number. */
export function* readCsv(text: string, format: CsvFormat): Generator<Cell[]> {
  const { delimiter, quote, nullMarker } = format;
  let at = 0;
  let record = 1;
  while (at < text.length) {
    const cells: Cell[] = [];
    for (;;) {
      if (quote !== "" && text[at] === quote) {
        const { value, end } = readQuoted(text, at, format, record);
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
      throw new Error(
        `Error detected while parsing row ${record}: data between close double quote and field separator`,
      );
    at++;
    if (cells.length > 1 || (cells[0] !== null && cells[0] !== "")) yield cells;
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
  record: number,
): { value: string; end: number } {
  const { quote } = format;
  let value = "";
  let at = start + 1;
  for (;;) {
    const close = text.indexOf(quote, at);
    if (close < 0) throw new Error(`Error detected while parsing row ${record}: missing close double quote`);
    value += text.slice(at, close);
    if (text[close + 1] !== quote) {
      if (value.includes("\n") && !format.quotedNewlines)
        throw new Error(
          `Error detected while parsing row ${record}: quoted newlines need allowQuotedNewlines`,
        );
      return { value, end: close + 1 };
    }
    value += quote;
    at = close + 2;
  }
}
