import { BLOB, DuckDBBlobValue, VARCHAR } from "@duckdb/node-api";
import type { Session } from "../catalog/session.ts";
import { BigQueryError, duplicate, invalidQuery, notImplemented } from "../errors.ts";
import { type TableView, variableKey } from "../sql/analysis.ts";
import { mapValue } from "../sql/coerce.ts";
import { pack } from "../sql/expr.ts";
import { isBuiltIn } from "../sql/functions/index.ts";
import type { Token } from "../sql/lex.ts";
import type { Parameter } from "../sql/params.ts";
import type { Step } from "../sql/script.ts";
import { statementsOf } from "../sql/source.ts";
import type { SqlFunction } from "../sql/sql-functions.ts";
import {
  type LoweredExpression,
  lowerExpression,
  lowerTokens,
  type Statement,
  type Surroundings,
} from "../sql/statement.ts";
import { BOOL, STRING, structOf, type Type } from "../sql/types.ts";
import type { Outcome } from "./jobs.ts";
import { runLowered } from "./running.ts";

/** What a script is run against. */
export interface ScriptHost {
  text: string;
  /** The request's own parameters. */
  parameters: ReadonlyMap<string, Parameter>;
  now: number;
  findTable: (parts: string[]) => TableView;
  /** Runs one statement as a transaction of its own. Throws if the job has to stop. */
  run(statement: Statement, parameters: Map<string, Parameter>): Promise<Outcome>;
  read<T>(work: (session: Session) => Promise<T>): Promise<T>;
}

type Signal = "break" | "continue" | undefined;

/** Errors that BEGIN ... EXCEPTION catches: the script's own, not this endpoint's. */
function isCaught(error: unknown): boolean {
  if (!(error instanceof BigQueryError)) return false;
  return !["notImplemented", "stopped", "backendError", "internalError", "bytesBilledLimitExceeded"].includes(
    error.reason,
  );
}

/** Runs a procedural script, step by step. Each statement keeps its effect, whatever comes after it. */
export class Script {
  readonly #host: ScriptHost;
  /** Variables by lower-case name, innermost block last. */
  #blocks: Map<string, Parameter>[] = [new Map()];
  readonly #functions = new Map<string, SqlFunction>();
  /** What each statement gave, in order. */
  readonly outcomes: Outcome[] = [];

  constructor(host: ScriptHost) {
    this.#host = host;
  }

  async run(steps: Step[]): Promise<void> {
    if ((await this.#steps(steps)) !== undefined) throw invalidQuery("BREAK or CONTINUE outside of a loop");
  }

  async #steps(steps: Step[]): Promise<Signal> {
    for (const step of steps) {
      const signal = await this.#step(step);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  async #step(step: Step): Promise<Signal> {
    switch (step.kind) {
      case "break":
      case "continue":
        return step.kind;
      case "declare":
        return this.#declare(step.names, step.type, step.value);
      case "set":
        return this.#set(step.names, step.value);
      case "if":
        return this.#if(step);
      case "block":
        return this.#block(step.body, step.handler);
      case "while":
        return this.#while(step.condition, step.body);
      case "for":
        return this.#for(step);
      case "execute":
        return this.#execute(step.sql, step.into);
      case "function":
        return this.#define(step.made, step.orReplace);
      case "raise":
        throw invalidQuery(textOf(await this.#value(step.message, STRING)) ?? "");
      default:
        await this.#statement(this.#host.text, step.tokens);
        return undefined;
    }
  }

  #parameters(): Map<string, Parameter> {
    const all = new Map(this.#host.parameters);
    for (const block of this.#blocks) for (const [name, value] of block) all.set(variableKey(name), value);
    return all;
  }

  #surroundings(): Surroundings {
    const params = new Map([...this.#parameters()].map(([name, p]): [string, Type] => [name, p.type]));
    return { findTable: this.#host.findTable, params, functions: this.#functions };
  }

  async #statement(text: string, tokens: Token[]): Promise<Outcome> {
    const statement = lowerTokens(text, tokens, this.#surroundings());
    const outcome = await this.#host.run(statement, this.#parameters());
    this.outcomes.push(outcome);
    return outcome;
  }

  /** The value of an expression, as a parameter holds it. */
  async #value(tokens: Token[], to: Type | undefined): Promise<Parameter> {
    const lowered = lowerExpression(this.#host.text, tokens, this.#surroundings(), to);
    const [row] = await this.#rows(lowered, `SELECT ${asText(lowered.sql, lowered.type)}`);
    return held(lowered.type, row);
  }

  #rows({ binds }: LoweredExpression | Statement, sql: string): Promise<unknown[]> {
    const values = { binds, parameters: this.#parameters(), now: this.#host.now };
    return this.#host.read(async (session) => {
      const result = await runLowered(session, sql, values);
      return (await result.getRows()).map((row) => row[0]);
    });
  }

  async #declare(names: string[], type: Type | undefined, value: Token[] | undefined): Promise<undefined> {
    const block = this.#blocks.at(-1);
    for (const name of names) {
      const key = name.toLowerCase();
      if (this.#blocks.some((b) => b.has(key))) throw invalidQuery(`Variable '${name}' redeclaration`);
      const made = value ? await this.#value(value, type) : type && held(type, null);
      if (made) block?.set(key, made);
    }
  }

  #define(made: SqlFunction, orReplace: boolean): undefined {
    const key = made.name.toUpperCase();
    if (isBuiltIn(key)) throw notImplemented(`a temporary function of a built-in's name (${made.name})`);
    if (this.#functions.has(key) && !orReplace) throw duplicate(`Function ${made.name}`);
    this.#functions.set(key, made);
    return undefined;
  }

  #blockOf(name: string): Map<string, Parameter> {
    const block = this.#blocks.findLast((b) => b.has(name.toLowerCase()));
    if (!block) throw invalidQuery(`Undeclared variable: ${name}`);
    return block;
  }

  async #set(names: string[], value: Token[]): Promise<undefined> {
    const [name, ...more] = names;
    if (name === undefined || more.length > 0) return this.#setAll(names, value);
    const block = this.#blockOf(name);
    block.set(name.toLowerCase(), await this.#value(value, block.get(name.toLowerCase())?.type));
  }

  /** SET (a, b) = a STRUCT: field by field. */
  async #setAll(names: string[], value: Token[]): Promise<undefined> {
    const types = names.map((name) => this.#blockOf(name).get(name.toLowerCase())?.type ?? STRING);
    const row = structOf(types.map((type) => ({ name: null, type })));
    const lowered = lowerExpression(this.#host.text, value, this.#surroundings(), row);
    const texts = types.map((type, i) => asText(`struct_extract(v, '_${i}')`, type));
    const sql = `SELECT [${texts.map((text) => `CAST(${text} AS VARCHAR)`).join(", ")}] FROM (SELECT ${lowered.sql} AS v)`;
    if (types.some((type) => type.kind === "BYTES"))
      throw notImplemented("SET of several variables with BYTES");
    const [list] = await this.#rows(lowered, sql);
    const items =
      typeof list === "object" && list !== null && "items" in list && Array.isArray(list.items)
        ? list.items
        : [];
    for (const [i, name] of names.entries())
      this.#blockOf(name).set(name.toLowerCase(), held(types[i] ?? STRING, items[i]));
  }

  async #isTrue(condition: Token[]): Promise<boolean> {
    return textOf(await this.#value(condition, BOOL)) === "true";
  }

  async #if({ branches, otherwise }: Extract<Step, { kind: "if" }>): Promise<Signal> {
    for (const { condition, body } of branches) if (await this.#isTrue(condition)) return this.#steps(body);
    return this.#steps(otherwise);
  }

  async #block(body: Step[], handler: Step[] | undefined): Promise<Signal> {
    const depth = this.#blocks.length;
    this.#blocks.push(new Map());
    try {
      return await this.#steps(body);
    } catch (error) {
      if (!handler || !isCaught(error)) throw error;
      this.#blocks = this.#blocks.slice(0, depth);
      return await this.#steps(handler);
    } finally {
      this.#blocks = this.#blocks.slice(0, depth);
    }
  }

  async #while(condition: Token[], body: Step[]): Promise<undefined> {
    while (await this.#isTrue(condition)) if ((await this.#steps(body)) === "break") return;
  }

  async #for({ variable, query, body }: Extract<Step, { kind: "for" }>): Promise<undefined> {
    const statement = lowerTokens(this.#host.text, query, this.#surroundings());
    if (statement.plan.kind !== "select") throw invalidQuery("FOR ... IN needs a query");
    const { query: lowered, names } = statement.plan;
    const { columns } = lowered;
    const type = structOf(columns.map((c, i) => ({ name: names[i] ?? null, type: c.type })));
    const row = asText(pack(columns.map((c) => `q.${c.sql}`)), type);
    const rows = await this.#rows(statement, `SELECT ${row} FROM (${lowered.sql}) AS q`);
    const depth = this.#blocks.length;
    for (const value of rows) {
      this.#blocks.push(new Map([[variable.toLowerCase(), held(type, value)]]));
      const signal = await this.#steps(body);
      this.#blocks = this.#blocks.slice(0, depth);
      if (signal === "break") return;
    }
  }

  async #execute(sql: Token[], into: string[]): Promise<undefined> {
    const text = textOf(await this.#value(sql, STRING));
    if (text === undefined) throw invalidQuery("EXECUTE IMMEDIATE of a NULL");
    const [tokens, ...more] = statementsOf(text);
    if (tokens === undefined || more.length > 0)
      throw notImplemented("EXECUTE IMMEDIATE of several statements");
    if (into.length === 0) {
      await this.#statement(text, tokens);
      return;
    }
    throw notImplemented("EXECUTE IMMEDIATE ... INTO");
  }
}

/** A value in the form that a parameter of its type takes: text, base64 of BYTES, JSON of ARRAY and STRUCT. */
function asText(sql: string, type: Type): string {
  if (type.kind === "BYTES") return `to_base64(${sql})`;
  const nested = type.kind === "ARRAY" || type.kind === "STRUCT" || type.kind === "RANGE";
  if (!nested) return `CAST(${sql} AS VARCHAR)`;
  const plain = mapValue(sql, type, (part, t) =>
    t.kind === "BYTES" ? `to_base64(${part})` : `CAST(${part} AS VARCHAR)`,
  );
  return `CASE WHEN ${sql} IS NOT NULL THEN CAST(to_json(${plain}) AS VARCHAR) END`;
}

function held(type: Type, value: unknown): Parameter {
  if (value === null || value === undefined) return { type, value: null, duck: VARCHAR };
  const text = String(value);
  if (type.kind !== "BYTES") return { type, value: text, duck: VARCHAR };
  return { type, value: new DuckDBBlobValue(Buffer.from(text, "base64")), duck: BLOB };
}

function textOf({ value }: Parameter): string | undefined {
  return value === null ? undefined : String(value);
}
