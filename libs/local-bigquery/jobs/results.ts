import type { Result } from "./job.ts";

/** Values of finished queries' rows that are kept in memory, all results together. */
const KEPT_VALUES = 4_000_000;

/** The rows of the queries that finished last, by job key. The oldest go first. */
export class Results {
  readonly #kept = new Map<string, Result>();
  #values = 0;

  get(key: string): Result | undefined {
    return this.#kept.get(key);
  }

  put(key: string, result: Result): void {
    this.remove(key);
    this.#kept.set(key, result);
    this.#values += valuesIn(result);
    for (const oldest of this.#kept.keys()) {
      if (this.#values <= KEPT_VALUES || oldest === key) break;
      this.remove(oldest);
    }
  }

  /** Forgets a result, if it is kept. */
  remove(key: string): void {
    const old = this.#kept.get(key);
    if (!old) return;
    this.#kept.delete(key);
    this.#values -= valuesIn(old);
  }
}

function valuesIn({ rows, fields }: Result): number {
  return (rows.length + 1) * Math.max(1, fields.length);
}
