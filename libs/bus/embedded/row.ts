/** Reads the columns of a SQLite row, whose types the schema fixes (STRICT tables). */

export function asNumber(column: unknown): number {
  if (typeof column === "number") return column;
  throw new TypeError(`the bus file holds ${typeof column} where a number belongs`);
}

export function asText(column: unknown): string {
  if (typeof column === "string") return column;
  throw new TypeError(`the bus file holds ${typeof column} where text belongs`);
}

export function asTextOrNull(column: unknown): string | null {
  return column === null ? null : asText(column);
}

export function asValue(column: unknown): Uint8Array | null {
  if (column === null || column instanceof Uint8Array) return column;
  throw new TypeError(`the bus file holds ${typeof column} where bytes belong`);
}
