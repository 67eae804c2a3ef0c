import type { Store } from "../catalog/store.ts";
import type { QueryConfiguration } from "./configuration.ts";
import type { Outcome, Running, Work } from "./jobs.ts";
import { Lowering, onlyReads, runEffect, runSelect, valuesOf } from "./query-job.ts";
import { Sizes } from "./sizes.ts";

/** What runs query jobs: the database, statements lowered before, sizes of tables. */
export class QueryEngine {
  readonly store: Store;
  readonly lowering = new Lowering();
  readonly sizes = new Sizes();
  constructor(store: Store) {
    this.store = store;
  }

  /** The work of a query job. */
  work(query: QueryConfiguration): Work {
    return async (running) => {
      const statement = this.lowering.lower(this.store.catalog, running.job.project, query);
      return onlyReads(statement, query) ? this.#read(query, running) : this.#change(query, running);
    };
  }

  /** The effect and the job's record are one transaction. */
  #change(query: QueryConfiguration, running: Running): Promise<Outcome> {
    const { store, sizes, lowering } = this;
    const { project, location, created } = running.job;
    return store.write(async (transaction) => {
      running.interruptible(() => store.interruptWriter());
      try {
        const statement = lowering.lower(transaction.catalog, project, query);
        const effect = { transaction, store, sizes, project, location, query, now: created };
        const outcome = await runEffect(effect, statement);
        await running.record(transaction, outcome.statistics);
        return outcome;
      } finally {
        running.interruptible(undefined);
      }
    });
  }

  /** Runs a query; again where the catalog changed meanwhile, as its tables may be others now. */
  async #read(query: QueryConfiguration, running: Running): Promise<Outcome> {
    const { store } = this;
    for (let attempt = 1; ; attempt++) {
      const { version } = store.catalog;
      const last = attempt >= ATTEMPTS;
      try {
        const outcome = await this.#readOnce(query, running);
        if (version !== store.catalog.version && !last) continue;
        await running.recordReading(outcome.statistics);
        return outcome;
      } catch (error) {
        if (version === store.catalog.version || last) throw error;
      }
    }
  }

  async #readOnce(query: QueryConfiguration, running: Running): Promise<Outcome> {
    const { store, sizes, lowering } = this;
    const { project, created } = running.job;
    try {
      return await store.read(
        (session) => {
          const statement = lowering.lower(store.catalog, project, query);
          if (statement.plan.kind !== "select") throw new Error("not a query");
          return runSelect(session, sizes, statement, statement.plan, valuesOf(statement, query, created));
        },
        (interrupt) => running.interruptible(interrupt),
      );
    } finally {
      running.interruptible(undefined);
    }
  }
}

const ATTEMPTS = 5;
