import type { Table } from "../catalog/catalog.ts";
import type { Store } from "../catalog/store.ts";
import { numberOf } from "../json.ts";
import { dropTable } from "./tables.ts";

/** When the table expires, Unix milliseconds; Infinity where it does not. */
function expiryOf({ metadata }: Table): number {
  return numberOf(metadata.expirationTime) || Number.POSITIVE_INFINITY;
}

/** Drops tables at their `expirationTime`: asked before each request, so none is ever seen after it. */
export class Expiry {
  readonly #store: Store;
  #seenVersion = -1;
  #next = Number.POSITIVE_INFINITY;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Whether a table has expired. */
  due(): boolean {
    const { catalog } = this.#store;
    if (this.#seenVersion !== catalog.version) {
      this.#seenVersion = catalog.version;
      this.#next = Number.POSITIVE_INFINITY;
      for (const table of catalog.tables.values()) this.#next = Math.min(this.#next, expiryOf(table));
    }
    return this.#next <= this.#store.now();
  }

  /** Drops every expired table. */
  async sweep(): Promise<void> {
    await this.#store.write(async (transaction) => {
      const now = this.#store.now();
      for (const table of [...transaction.catalog.tables.values()])
        if (expiryOf(table) <= now) await dropTable(transaction, table);
    });
  }
}
