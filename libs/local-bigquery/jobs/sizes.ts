import type { Session } from "../catalog/session.ts";
import type { TableView } from "../sql/analysis.ts";
import type { Type } from "../sql/types.ts";

/** Row counts of tables by their DuckDB name, remembered until the table is written to. */
export class Sizes {
  readonly #rows = new Map<string, number>();

  async rows(session: Session, duck: string): Promise<number> {
    const known = this.#rows.get(duck);
    if (known !== undefined) return known;
    const [counted] = await session.rows(`SELECT count(*) FROM ${duck}`);
    const rows = Number(counted?.[0] ?? 0);
    this.#rows.set(duck, rows);
    return rows;
  }

  /** What a scan of these tables processes, in bytes: an estimate of BigQuery's logical size, above 0 where there are rows. */
  async bytes(session: Session, tables: TableView[]): Promise<number> {
    let total = 0;
    for (const table of tables) {
      if (table.view) continue;
      const width = table.columns.reduce((sum, column) => sum + widthOf(column.type), 0);
      total += width * (await this.rows(session, table.duck));
    }
    return total;
  }

  /** Tells of rows that were added or (negative) taken away. */
  change(duck: string, by: number): void {
    const known = this.#rows.get(duck);
    if (known !== undefined) this.#rows.set(duck, Math.max(0, known + by));
  }

  forgetAll(): void {
    this.#rows.clear();
  }
}

/** BigQuery's logical size of a value; text is taken as 16 bytes. */
function widthOf(type: Type): number {
  if (type.kind === "ARRAY") return 2 * widthOf(type.element);
  if (type.kind === "STRUCT") return type.fields.reduce((sum, f) => sum + widthOf(f.type), 0);
  if (type.kind === "BOOL") return 1;
  if (type.kind === "NUMERIC" || type.kind === "STRING" || type.kind === "BYTES" || type.kind === "JSON")
    return 16;
  return 8;
}
