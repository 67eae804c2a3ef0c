import type { Store } from "../catalog/store.ts";
import type { Transaction } from "../catalog/transaction.ts";

const ROLLED_BACK = new Error("rolled back");

/**
 * A transaction that a script opened: the writer is its own until it ends. DuckDB gives a transaction up at the first
 * error, GoogleSQL does not: what was done is then done again in a new one.
 */
export class OpenTransaction {
  readonly transaction: Transaction;
  readonly #done: ((transaction: Transaction) => Promise<unknown>)[] = [];
  readonly #finish: (error?: Error) => void;
  readonly #written: Promise<void>;

  private constructor(transaction: Transaction, finish: (error?: Error) => void, written: Promise<void>) {
    this.transaction = transaction;
    this.#finish = finish;
    this.#written = written;
  }

  /** Waits for the writer and begins. */
  static open(store: Store): Promise<OpenTransaction> {
    return new Promise((opened, failed) => {
      const written = store.write(
        (transaction) =>
          new Promise<void>((resolve, reject) => {
            const finish = (error?: Error): void => (error ? reject(error) : resolve());
            // Not before `written` is set.
            setImmediate(() => opened(new OpenTransaction(transaction, finish, written)));
          }),
      );
      written.catch(failed);
    });
  }

  /** Runs a statement in it. Where it fails, what was done before it still holds. */
  async run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const given = await this.read(work);
    this.#done.push(work);
    return given;
  }

  /** The same of work without effect. */
  async read<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    try {
      return await work(this.transaction);
    } catch (error) {
      await this.#again();
      throw error;
    }
  }

  async #again(): Promise<void> {
    await this.transaction.restart();
    for (const work of this.#done) await work(this.transaction);
  }

  /** Ends it; `last` is its last statement. */
  async commit(last: (transaction: Transaction) => Promise<void>): Promise<void> {
    await last(this.transaction);
    this.#finish();
    await this.#written;
  }

  async rollback(): Promise<void> {
    this.#finish(ROLLED_BACK);
    await this.#written.catch((error: unknown) => {
      if (error !== ROLLED_BACK) throw error;
    });
  }
}
