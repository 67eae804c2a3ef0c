import { BigQueryError, duplicate, invalidQuery, notFound, notImplemented } from "../errors.ts";
import { coerce, coercible } from "../sql/coerce.ts";
import { type Expr, pack } from "../sql/expr.ts";
import { isBuiltIn } from "../sql/functions/index.ts";
import type { Token } from "../sql/lex.ts";
import type { Parameter } from "../sql/params.ts";
import type { Routine } from "../sql/routines.ts";
import { readProcedure, type Step } from "../sql/script.ts";
import { statementsOf } from "../sql/source.ts";
import { lowerExpression, lowerTokens } from "../sql/statement.ts";
import { STRING, structOf, type Type, typeName } from "../sql/types.ts";
import type { Outcome } from "./jobs.ts";
import { Frame } from "./script-frame.ts";
import type { ScriptHost } from "./script-host.ts";
import { asText, held, itemsOf, listSql, textOf } from "./script-values.ts";

type Signal = "break" | "continue" | "return" | undefined;

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
  readonly #frame: Frame;
  /** Calls of procedures within one another. */
  #depth = 0;
  /** What each statement gave, in order. */
  readonly outcomes: Outcome[] = [];

  constructor(host: ScriptHost) {
    this.#host = host;
    this.#frame = new Frame(host);
  }

  async run(steps: Step[]): Promise<void> {
    const signal = await this.#steps(steps);
    if (signal === "break" || signal === "continue")
      throw invalidQuery("BREAK or CONTINUE outside of a loop");
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
      case "return":
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
      case "repeat":
        return this.#repeat(step.body, step.until);
      case "for":
        return this.#for(step);
      case "execute":
        return this.#execute(step);
      case "call":
        return this.#call(step.path, step.args);
      case "transaction":
        return this.#transaction(step.action);
      case "function":
        return this.#define(step.made, step.orReplace);
      case "raise":
        throw invalidQuery(textOf(await this.#frame.value(step.message, STRING)) ?? "");
      default:
        await this.#statement(this.#frame.text, step.tokens, this.#frame.parameters());
        return undefined;
    }
  }

  async #statement(text: string, tokens: Token[], parameters: Map<string, Parameter>): Promise<void> {
    const statement = lowerTokens(text, tokens, this.#frame.surroundings(parameters));
    this.outcomes.push(await this.#host.run(statement, parameters));
  }

  async #transaction(action: "begin" | "commit" | "rollback"): Promise<undefined> {
    await this.#host[action]();
  }

  async #declare(names: string[], type: Type | undefined, value: Token[] | undefined): Promise<undefined> {
    for (const name of names) {
      const made = value ? await this.#frame.value(value, type) : type && held(type, null);
      this.#frame.variables.declare(name, made);
    }
  }

  #define(made: Routine, orReplace: boolean): undefined {
    const key = made.name.toUpperCase();
    if (isBuiltIn(key)) throw notImplemented(`a temporary function of a built-in's name (${made.name})`);
    if (this.#frame.functions.has(key) && !orReplace) throw duplicate(`Function ${made.name}`);
    this.#frame.functions.set(key, made);
    return undefined;
  }

  async #set(names: string[], value: Token[]): Promise<undefined> {
    const [name, ...more] = names;
    if (name === undefined || more.length > 0) return this.#setAll(names, value);
    this.#frame.variables.set(name, await this.#frame.value(value, this.#frame.variables.get(name)?.type));
  }

  /** SET (a, b) = a STRUCT: field by field. */
  async #setAll(names: string[], value: Token[]): Promise<undefined> {
    const types = names.map((name) => this.#frame.variables.get(name)?.type ?? STRING);
    const row = structOf(types.map((type) => ({ name: null, type })));
    const lowered = lowerExpression(this.#frame.text, value, this.#frame.surroundings(), row);
    const texts = types.map((type, i) => asText(`struct_extract(v, '_${i}')`, type));
    const sql = `SELECT ${listSql(texts)} FROM (SELECT ${lowered.sql} AS v)`;
    if (types.some((type) => type.kind === "BYTES"))
      throw notImplemented("SET of several variables with BYTES");
    this.#frame.assign(names, types, itemsOf((await this.#frame.rows(lowered, sql))[0]));
  }

  async #if({ branches, otherwise }: Extract<Step, { kind: "if" }>): Promise<Signal> {
    for (const { condition, body } of branches)
      if (await this.#frame.isTrue(condition)) return this.#steps(body);
    return this.#steps(otherwise);
  }

  async #block(body: Step[], handler: Step[] | undefined): Promise<Signal> {
    const close = this.#frame.variables.open();
    try {
      return await this.#steps(body);
    } catch (error) {
      if (!handler || !isCaught(error)) throw error;
      close();
      return await this.#steps(handler);
    } finally {
      close();
    }
  }

  async #while(condition: Token[] | undefined, body: Step[]): Promise<Signal> {
    while (!condition || (await this.#frame.isTrue(condition))) {
      const signal = await this.#steps(body);
      if (signal === "return") return signal;
      if (signal === "break") break;
    }
    return undefined;
  }

  async #repeat(body: Step[], until: Token[]): Promise<Signal> {
    do {
      const signal = await this.#steps(body);
      if (signal === "return") return signal;
      if (signal === "break") break;
    } while (!(await this.#frame.isTrue(until)));
    return undefined;
  }

  async #for({ variable, query, body }: Extract<Step, { kind: "for" }>): Promise<Signal> {
    const statement = lowerTokens(this.#frame.text, query, this.#frame.surroundings());
    if (statement.plan.kind !== "select") throw invalidQuery("FOR ... IN needs a query");
    const { query: lowered, names } = statement.plan;
    const { columns } = lowered;
    const type = structOf(columns.map((c, i) => ({ name: names[i] ?? null, type: c.type })));
    const row = asText(pack(columns.map((c) => `q.${c.sql}`)), type);
    const rows = await this.#frame.rows(statement, `SELECT ${row} FROM (${lowered.sql}) AS q`);
    for (const value of rows) {
      const close = this.#frame.variables.open(new Map([[variable.toLowerCase(), held(type, value)]]));
      const signal = await this.#steps(body);
      close();
      if (signal === "return") return signal;
      if (signal === "break") break;
    }
    return undefined;
  }

  async #execute({ sql, into, using }: Extract<Step, { kind: "execute" }>): Promise<undefined> {
    const text = textOf(await this.#frame.value(sql, STRING));
    if (text === undefined) throw invalidQuery("EXECUTE IMMEDIATE of a NULL");
    const [tokens, ...more] = statementsOf(text);
    if (tokens === undefined || more.length > 0)
      throw notImplemented("EXECUTE IMMEDIATE of several statements");
    const parameters = this.#frame.parameters();
    for (const [i, { value, name }] of using.entries())
      parameters.set(name?.toLowerCase() ?? `__positional_${i}`, await this.#frame.value(value, undefined));
    if (into.length === 0) await this.#statement(text, tokens, parameters);
    else await this.#into(into, text, tokens, parameters);
  }

  /** EXECUTE IMMEDIATE ... INTO: the one row's columns; NULLs where there is no row. */
  async #into(
    names: string[],
    text: string,
    tokens: Token[],
    parameters: Map<string, Parameter>,
  ): Promise<void> {
    const statement = lowerTokens(text, tokens, this.#frame.surroundings(parameters));
    if (statement.plan.kind !== "select") throw invalidQuery("EXECUTE IMMEDIATE ... INTO needs a query");
    const { columns, sql } = statement.plan.query;
    if (columns.length !== names.length)
      throw invalidQuery(
        `The number of INTO variables (${names.length}) is not that of the columns (${columns.length})`,
      );
    const types = names.map((name) => this.#frame.variables.get(name)?.type ?? STRING);
    const texts = types.map((type, i) => {
      const column = columns[i];
      const value: Expr = { sql: `q.${column?.sql}`, type: column?.type ?? type };
      if (!coercible(value, type))
        throw invalidQuery(`Column ${i + 1} of type ${typeName(value.type)} cannot be set to ${names[i]}`);
      return asText(coerce(value, type).sql, type);
    });
    const rows = await this.#frame.rows(
      statement,
      `SELECT ${listSql(texts)} FROM (${sql}) AS q LIMIT 2`,
      parameters,
    );
    if (rows.length > 1) throw invalidQuery("The query of EXECUTE IMMEDIATE ... INTO gave more than one row");
    this.#frame.assign(names, types, itemsOf(rows[0]));
  }

  /** CALL: the body sees its parameters alone; OUT and INOUT ones go back to the caller's variables. */
  async #call(path: string[], args: Token[][]): Promise<undefined> {
    const made = this.#host.names().findRoutine(path);
    if (made?.kind !== "PROCEDURE") throw notFound(`Procedure ${path.join(".")}`);
    if (this.#depth >= DEEPEST) throw invalidQuery("Out of stack space due to deeply-nested procedure call");
    if (args.length !== made.parameters.length)
      throw invalidQuery(
        `Procedure ${made.name} takes ${made.parameters.length} arguments, not ${args.length}`,
      );
    const own = new Map<string, Parameter>();
    const back: [variable: string, parameter: string][] = [];
    for (const [i, { name, type, mode }] of made.parameters.entries()) {
      const value = args[i] ?? [];
      if (mode !== "IN") back.push([variableOf(value, made.name, name), name.toLowerCase()]);
      const given = mode === "OUT" ? type && held(type, null) : await this.#frame.value(value, type);
      if (given) own.set(name.toLowerCase(), given);
    }
    for (const [variable] of back) this.#frame.variables.get(variable);
    const kept = await this.#inside(made, own);
    for (const [variable, parameter] of back) {
      const value = kept.get(parameter);
      if (value) this.#frame.variables.set(variable, value);
    }
  }

  /** Runs a procedure's body with these variables, and gives them as they are then. */
  #inside(made: Routine, own: Map<string, Parameter>): Promise<Map<string, Parameter>> {
    return this.#frame.inside(made.text, own, async () => {
      this.#depth++;
      try {
        await this.run(readProcedure(made));
        return own;
      } finally {
        this.#depth--;
      }
    });
  }
}

/** How deep procedures may call procedures. */
const DEEPEST = 50;

/** The variable that stands for an OUT or INOUT argument. */
function variableOf(tokens: Token[], procedure: string, parameter: string): string {
  const [token, ...more] = tokens;
  if (token && more.length === 0 && (token.kind === "word" || token.kind === "quoted")) return token.value;
  throw invalidQuery(`The argument ${parameter} of ${procedure} is OUT or INOUT and must be a variable`);
}
