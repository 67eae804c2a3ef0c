import type { Field } from "../port.ts";

/** A cell as the REST interface writes it: {v}, where a record is {f: cells} and a list is cells. */
interface Cell {
  v?: unknown;
}

/** Result rows (f/v form, timestamps as whole microseconds) as plain JSON values: see Warehouse.read. */
export function plainRows(
  fields: readonly Field[],
  rows: readonly { f?: Cell[] }[],
): Record<string, unknown>[] {
  return rows.map((row) => plainRecord(fields, row.f ?? []));
}

function plainRecord(fields: readonly Field[], cells: readonly Cell[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((field, i) => [field.name, plainCell(field, cells[i]?.v)]));
}

function plainCell(field: Field, value: unknown): unknown {
  if (field.mode === "REPEATED") {
    return Array.isArray(value) ? value.map((cell: Cell) => plainValue(field, cell.v)) : [];
  }
  return plainValue(field, value);
}

function plainValue(field: Field, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "object") {
    return "f" in value && Array.isArray(value.f) ? plainRecord(field.fields ?? [], value.f) : value;
  }
  const text = String(value);
  switch (field.type) {
    case "INTEGER":
      return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case "FLOAT":
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case "BOOLEAN":
      return text === "true";
    case "TIMESTAMP":
      return rfc3339(BigInt(text));
    case "JSON":
      return JSON.parse(text);
    default:
      return text;
  }
}

/** Microseconds since 1970 as RFC 3339, with six digits only where milliseconds do not suffice. */
function rfc3339(micros: bigint): string {
  const below = ((micros % 1_000n) + 1_000n) % 1_000n;
  const millis = new Date(Number((micros - below) / 1_000n)).toISOString();
  return below === 0n ? millis : `${millis.slice(0, -1)}${String(below).padStart(3, "0")}Z`;
}
