import type { Store } from "../catalog/store.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { invalidQuery } from "../errors.ts";
import { type JsonObject, numberOf, objectOr } from "../json.ts";
import { readScript, type Step } from "../sql/script.ts";
import { countStatements } from "../sql/statement.ts";
import type { QueryConfiguration } from "./configuration.ts";
import type { Outcome, Running, Work } from "./jobs.ts";
import { Lowering, onlyReads, runEffect, runSelect, valuesOf } from "./query-job.ts";
import { Script } from "./script.ts";
import { ScriptHost } from "./script-host.ts";
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
      const steps = readScript(query.sql);
      if (steps) return this.#procedure(query, running, steps);
      const count = countStatements(query.sql);
      if (count > 1) return this.#script(query, running, count);
      const statement = this.lowering.lower(this.store.catalog, running.job.project, query);
      return onlyReads(statement, query) ? this.#read(query, running) : this.#change(query, running);
    };
  }

  /** The effect and the job's record are one transaction. */
  #change(query: QueryConfiguration, running: Running): Promise<Outcome> {
    const { store, sizes, lowering } = this;
    const { project, location, created } = running.job;
    return store.write((transaction) =>
      running.interruptible(
        () => store.interruptWriter(),
        async () => {
          const statement = lowering.lower(transaction.catalog, project, query);
          const effect = { transaction, store, sizes, project, location, query, now: created };
          const outcome = await runEffect(effect, statement);
          await running.record(transaction, outcome.statistics);
          return outcome;
        },
      ),
    );
  }

  /**
   * Several statements are one transaction too. Where one fails, those before it keep their effect, as in the service:
   * they are run again without it.
   */
  async #script(query: QueryConfiguration, running: Running, count: number): Promise<Outcome> {
    if (query.destination)
      throw invalidQuery("configuration.query.destinationTable cannot be set for scripts");
    const { store } = this;
    let done = 0;
    try {
      return await store.write(async (transaction) => {
        const outcomes: Outcome[] = [];
        for (; done < count; done++) outcomes.push(await this.#step(query, running, transaction, done));
        const outcome = scriptOutcome(outcomes);
        await running.record(transaction, outcome.statistics);
        return outcome;
      });
    } catch (error) {
      if (done === 0) throw error;
      await store.write(async (transaction) => {
        for (let index = 0; index < done; index++) await this.#step(query, running, transaction, index);
        await running.recordRunning(transaction);
      });
      throw error;
    }
  }

  /**
   * A procedural script: each statement is a transaction of its own, since its conditions and handlers need what came
   * before. The job is stored as running with the first effect, as done after the last.
   */
  async #procedure(query: QueryConfiguration, running: Running, steps: Step[]): Promise<Outcome> {
    if (query.destination)
      throw invalidQuery("configuration.query.destinationTable cannot be set for scripts");
    const { store } = this;
    const host = new ScriptHost(this, query, running);
    const script = new Script(host);
    try {
      await script.run(steps);
    } finally {
      await host.close();
    }
    const outcome = scriptOutcome(script.outcomes);
    await store.write((transaction) => running.record(transaction, outcome.statistics));
    return outcome;
  }

  #step(
    query: QueryConfiguration,
    running: Running,
    transaction: Transaction,
    index: number,
  ): Promise<Outcome> {
    const { store, sizes, lowering } = this;
    const { project, location, created } = running.job;
    return running.interruptible(
      () => store.interruptWriter(),
      async () => {
        const statement = lowering.lowerAfresh(transaction.catalog, project, query, index);
        const effect = { transaction, store, sizes, project, location, query, now: created };
        return runEffect(effect, statement);
      },
    );
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

  #readOnce(query: QueryConfiguration, running: Running): Promise<Outcome> {
    const { store, sizes, lowering } = this;
    const { project, created } = running.job;
    return store.read((session) =>
      running.interruptible(
        () => session.interrupt(),
        async () => {
          const statement = lowering.lower(store.catalog, project, query);
          if (statement.plan.kind !== "select") throw new Error("not a query");
          const values = valuesOf(statement, query, created);
          return runSelect(session, sizes, statement, statement.plan, values, query.maximumBytes);
        },
      ),
    );
  }
}

const ATTEMPTS = 5;

/** A script's result is that of its last statement. */
function scriptOutcome(outcomes: Outcome[]): Outcome {
  const last = outcomes.at(-1);
  const bytes = outcomes.reduce((sum, o) => sum + (numberOf(o.statistics.totalBytesProcessed) ?? 0), 0);
  const query: JsonObject = { ...objectOr(last?.statistics.query), statementType: "SCRIPT" };
  const statistics = {
    totalBytesProcessed: String(bytes),
    totalSlotMs: "1",
    numChildJobs: String(outcomes.length),
    query: { ...query, totalBytesProcessed: String(bytes) },
  };
  return { statistics, result: last?.result };
}
