import type { Names } from "../catalog/catalog.ts";
import type { Session } from "../catalog/session.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { invalidQuery, notImplemented } from "../errors.ts";
import type { Parameter } from "../sql/params.ts";
import type { Statement } from "../sql/statement.ts";
import type { QueryConfiguration } from "./configuration.ts";
import type { Outcome, Running } from "./jobs.ts";
import { runEffect } from "./query-job.ts";
import type { QueryEngine } from "./query-work.ts";
import { OpenTransaction } from "./script-transaction.ts";

/** What a procedural script is run against: each statement a transaction of its own, but for those in one it opened. */
export class ScriptHost {
  readonly #engine: QueryEngine;
  readonly #query: QueryConfiguration;
  readonly #running: Running;
  #open: OpenTransaction | undefined;

  constructor(engine: QueryEngine, query: QueryConfiguration, running: Running) {
    this.#engine = engine;
    this.#query = query;
    this.#running = running;
  }

  /** The request's text, its parameters, and the job's time. */
  get text(): string {
    return this.#query.sql;
  }

  get parameters(): ReadonlyMap<string, Parameter> {
    return this.#query.parameters;
  }

  get now(): number {
    return this.#running.job.created;
  }

  names(): Names {
    const catalog = this.#open?.transaction.catalog ?? this.#engine.store.catalog;
    return catalog.names(this.#running.job.project, this.#query.defaultDataset);
  }

  /** Runs one statement. Throws if the job has to stop. */
  run(statement: Statement, parameters: Map<string, Parameter>): Promise<Outcome> {
    const { plan } = statement;
    const work = (transaction: Transaction): Promise<Outcome> =>
      this.#effect(transaction, statement, parameters);
    if (!this.#open) return this.#engine.store.write(work);
    if (plan.kind === "ddl") throw notImplemented("DDL within a transaction");
    return plan.kind === "select" ? this.#open.read(work) : this.#open.run(work);
  }

  #effect(
    transaction: Transaction,
    statement: Statement,
    parameters: Map<string, Parameter>,
  ): Promise<Outcome> {
    const { store, sizes } = this.#engine;
    const { project, location, created: now } = this.#running.job;
    return this.#running.interruptible(
      () => store.interruptWriter(),
      async () => {
        const query = { ...this.#query, parameters };
        const effect = { transaction, store, sizes, project, location, query, now };
        const outcome = await runEffect(effect, statement);
        if (statement.plan.kind !== "select" && !this.#open) await this.#running.recordRunning(transaction);
        return outcome;
      },
    );
  }

  /** Reads with a query of the script's own (the value of an expression). */
  read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const { store } = this.#engine;
    const open = this.#open;
    if (open) {
      return this.#running.interruptible(
        () => store.interruptWriter(),
        () => open.read((transaction) => work(transaction.session)),
      );
    }
    return store.read((session) =>
      this.#running.interruptible(
        () => session.interrupt(),
        () => work(session),
      ),
    );
  }

  async begin(): Promise<void> {
    if (this.#open) throw invalidQuery("A transaction is already in progress; transactions cannot be nested");
    this.#open = await OpenTransaction.open(this.#engine.store);
  }

  async commit(): Promise<void> {
    const open = this.#ending("COMMIT");
    await open.commit((transaction) => this.#running.recordRunning(transaction));
  }

  async rollback(): Promise<void> {
    const open = this.#ending("ROLLBACK");
    await open.rollback();
    this.#engine.sizes.forgetAll();
  }

  #ending(word: string): OpenTransaction {
    const open = this.#open;
    if (!open) throw invalidQuery(`${word} TRANSACTION is not allowed: no transaction is in progress`);
    this.#open = undefined;
    return open;
  }

  /** Ends what the script left open: it is rolled back. */
  async close(): Promise<void> {
    if (this.#open) await this.rollback();
  }
}
