/** Rows of a query as text. Values are as Warehouse.read gives them. */
import type { Field } from "@convergence/warehouse";

export type Row = Record<string, unknown>;

const NUMBERS: ReadonlySet<string> = new Set(["INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC"]);

/** An aligned table: numbers to the right, everything else to the left. */
export function tableText(fields: readonly Field[], rows: readonly Row[]): string[] {
  const right = fields.map(({ type, mode }) => NUMBERS.has(type) && mode !== "REPEATED");
  const cells = rows.map((row) => fields.map(({ name }) => oneLine(cellText(row[name], "NULL"))));
  const heads = fields.map(({ name }) => oneLine(name));
  const widths = heads.map((head, i) =>
    cells.reduce((most, row) => Math.max(most, width(row[i])), width(head)),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => {
        const gap = " ".repeat((widths[i] ?? 0) - width(text));
        return right[i] ? gap + text : text + gap;
      })
      .join("  ")
      .trimEnd();
  return [line(heads), line(widths.map((n) => "-".repeat(n))), ...cells.map(line)];
}

/** RFC 4180, with a line of names; NULL is empty. */
export function csvText(fields: readonly Field[], rows: readonly Row[]): string[] {
  const line = (texts: readonly string[]) => texts.map(csvCell).join(",");
  return [
    line(fields.map(({ name }) => name)),
    ...rows.map((row) => line(fields.map(({ name }) => cellText(row[name], "")))),
  ];
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function cellText(value: unknown, none: string): string {
  if (value === null || value === undefined) return none;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Text that a terminal shows on one line, and that cannot steer it. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (char) => JSON.stringify(char).slice(1, -1));
}

const graphemes = new Intl.Segmenter();

function width(text = ""): number {
  let count = 0;
  for (const _ of graphemes.segment(text)) count += 1;
  return count;
}
