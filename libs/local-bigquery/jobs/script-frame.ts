import type { Token } from "../sql/lex.ts";
import type { Parameter } from "../sql/params.ts";
import type { Routine } from "../sql/routines.ts";
import {
  type LoweredExpression,
  lowerExpression,
  type Statement,
  type Surroundings,
} from "../sql/statement.ts";
import { BOOL, STRING, type Type } from "../sql/types.ts";
import { runLowered } from "./running.ts";
import type { ScriptHost } from "./script-host.ts";
import { asText, held, textOf } from "./script-values.ts";
import { Variables } from "./script-variables.ts";

/** What a script's expressions are evaluated in: the text they are of, the variables and functions in sight. */
export class Frame {
  readonly #host: ScriptHost;
  /** Temporary functions, by upper-case name. */
  readonly functions = new Map<string, Routine>();
  variables = new Variables();
  /** The request's, or that of the procedure that is run. */
  text: string;

  constructor(host: ScriptHost) {
    this.#host = host;
    this.text = host.text;
  }

  parameters(): Map<string, Parameter> {
    return this.variables.asParameters(this.#host.parameters);
  }

  surroundings(parameters = this.parameters()): Surroundings {
    const params = new Map([...parameters].map(([name, p]): [string, Type] => [name, p.type]));
    return { ...this.#host.names(), params, functions: this.functions };
  }

  /** The value of an expression, as a parameter holds it. */
  async value(tokens: Token[], to: Type | undefined): Promise<Parameter> {
    const lowered = lowerExpression(this.text, tokens, this.surroundings(), to);
    const [row] = await this.rows(lowered, `SELECT ${asText(lowered.sql, lowered.type)}`);
    return held(lowered.type, row);
  }

  async isTrue(condition: Token[]): Promise<boolean> {
    return textOf(await this.value(condition, BOOL)) === "true";
  }

  /** The first column of what a text of a lowered statement or expression gives. */
  rows(
    { binds }: LoweredExpression | Statement,
    sql: string,
    parameters = this.parameters(),
  ): Promise<unknown[]> {
    const values = { binds, parameters, now: this.#host.now };
    return this.#host.read(async (session) => {
      const result = await runLowered(session, sql, values);
      return (await result.getRows()).map((row) => row[0]);
    });
  }

  /** Sets variables of these types to the texts of their values. */
  assign(names: string[], types: Type[], items: unknown[]): void {
    for (const [i, name] of names.entries()) this.variables.set(name, held(types[i] ?? STRING, items[i]));
  }

  /** Has work done with a procedure's variables and text in place of these. */
  async inside<T>(text: string, own: Map<string, Parameter>, work: () => Promise<T>): Promise<T> {
    const outside = { variables: this.variables, text: this.text };
    this.variables = new Variables(own);
    this.text = text;
    try {
      return await work();
    } finally {
      this.variables = outside.variables;
      this.text = outside.text;
    }
  }
}
