import { invalidQuery, notImplemented } from "../errors.ts";
import { lex, type Token } from "./lex.ts";
import type { SqlFunction } from "./sql-functions.ts";
import { TokenReader } from "./token-reader.ts";
import type { Type } from "./types.ts";

/** A step of a procedural script. Expressions and statements are the tokens of the author's text. */
export type Step =
  | { kind: "sql"; tokens: Token[] }
  | { kind: "declare"; names: string[]; type: Type | undefined; value: Token[] | undefined }
  | { kind: "set"; names: string[]; value: Token[] }
  | { kind: "if"; branches: { condition: Token[]; body: Step[] }[]; otherwise: Step[] }
  | { kind: "block"; body: Step[]; handler: Step[] | undefined }
  | { kind: "while"; condition: Token[]; body: Step[] }
  | { kind: "for"; variable: string; query: Token[]; body: Step[] }
  | { kind: "execute"; sql: Token[]; into: string[] }
  | { kind: "raise"; message: Token[] }
  | { kind: "function"; made: SqlFunction; orReplace: boolean }
  | { kind: "break" }
  | { kind: "continue" };

const PROCEDURAL = /^(BEGIN|DECLARE|EXECUTE|FOR|IF|RAISE|SET|WHILE)$/i;
/** Procedural statements that are not run here. */
const REFUSED = /^(CALL|CASE|COMMIT|ITERATE|LEAVE|LOOP|REPEAT|RETURN|ROLLBACK)$/i;

/** The steps of a text that is a procedural script, or undefined where it is plain statements. */
export function readScript(text: string): Step[] | undefined {
  const start = /^\s*(\w+)/.exec(text)?.[1] ?? "";
  if (!text.includes(";") && !PROCEDURAL.test(start)) return undefined;
  const tokens = lex(text);
  const starts = tokens.filter((_, i) => i === 0 || tokens[i - 1]?.text === ";");
  const isStep = (token: Token): boolean =>
    token.kind === "word" &&
    (PROCEDURAL.test(token.text) ||
      makesFunction(tokens.slice(tokens.indexOf(token), tokens.indexOf(token) + 5)));
  if (!starts.some(isStep)) return undefined;
  const reader = new ScriptReader(text, tokens);
  const steps = reader.block();
  return reader.finish(steps);
}

/** CREATE [OR REPLACE] TEMP FUNCTION. */
function makesFunction(tokens: Token[]): boolean {
  const words = tokens.map((token) => token.text.toUpperCase()).join(" ");
  return /^CREATE (OR REPLACE )?TEMP(ORARY)? FUNCTION\b/.test(words);
}

class ScriptReader extends TokenReader {
  /** The statements of a script or block up to a word that ends it: declarations come first. */
  block(...ends: string[]): Step[] {
    const steps: Step[] = [];
    while (this.takes("DECLARE")) {
      steps.push(this.#declare());
      if (this.peek() !== undefined) this.expect(";");
    }
    return [...steps, ...this.#steps(...ends)];
  }

  /** Statements up to a word that ends a body, or the end. */
  #steps(...ends: string[]): Step[] {
    const steps: Step[] = [];
    for (;;) {
      while (this.takes(";"));
      if (this.peek() === undefined || ends.some((end) => this.is(end))) return steps;
      steps.push(this.#step());
      if (this.peek() !== undefined) this.expect(";");
    }
  }

  #step(): Step {
    const word = this.peek()?.text.toUpperCase() ?? "";
    if (this.is("BEGIN") && (this.is("TRANSACTION", 1) || this.is(";", 1)))
      throw notImplemented("BEGIN TRANSACTION");
    if (REFUSED.test(word)) throw notImplemented(`${word} statements`);
    if (word === "DECLARE")
      throw invalidQuery("Variable declarations are allowed only at the start of a block or script");
    if (this.takes("SET")) return this.#set();
    if (this.takes("IF")) return this.#if();
    if (this.takes("BEGIN")) return this.#block();
    if (this.takes("WHILE")) return this.#while();
    if (this.takes("FOR")) return this.#for();
    if (this.takes("EXECUTE")) return this.#execute();
    if (this.takes("RAISE")) return this.#raise();
    if (this.takes("BREAK")) return { kind: "break" };
    if (this.takes("CONTINUE")) return { kind: "continue" };
    if (makesFunction(this.tokens.slice(this.at, this.at + 5))) return this.#function();
    const tokens = this.#until();
    if (tokens.length === 0) return this.unexpected();
    if (
      /^CREATE$/i.test(word) &&
      tokens.some((t) => t.kind === "word" && /^(PROCEDURE|TEMP|TEMPORARY)$/i.test(t.text))
    )
      throw notImplemented("CREATE PROCEDURE and temporary objects in a script");
    return { kind: "sql", tokens };
  }

  /** Tokens up to ";" or one of the words, outside of parentheses and CASE ... END. */
  #until(...words: string[]): Token[] {
    const from = this.at;
    let depth = 0;
    for (let token = this.peek(); token !== undefined; token = this.peek()) {
      if (depth === 0 && (this.is(";") || words.some((word) => this.is(word)))) break;
      if (token.kind === "word" || token.kind === "punct") {
        if (/^(\(|\[|CASE)$/i.test(token.text)) depth++;
        else if (/^(\)|\]|END)$/i.test(token.text)) depth--;
      }
      this.at++;
    }
    return this.tokens.slice(from, this.at);
  }

  #expression(...words: string[]): Token[] {
    const tokens = this.#until(...words);
    return tokens.length > 0 ? tokens : this.unexpected();
  }

  #declare(): Step {
    const names = this.list(() => this.name());
    const type = this.is("DEFAULT") ? undefined : this.type();
    const value = this.takes("DEFAULT") ? this.#expression() : undefined;
    return { kind: "declare", names, type, value };
  }

  #set(): Step {
    if (this.peek()?.kind === "sysvar") throw notImplemented(`SET ${this.peek()?.text}`);
    if (!this.takes("(")) {
      const name = this.name();
      this.expect("=");
      return { kind: "set", names: [name], value: this.#expression() };
    }
    const names = this.list(() => this.name());
    this.expect(")");
    this.expect("=");
    return { kind: "set", names, value: this.#expression() };
  }

  #if(): Step {
    const branches: { condition: Token[]; body: Step[] }[] = [];
    do {
      const condition = this.#expression("THEN");
      this.expect("THEN");
      branches.push({ condition, body: this.#steps("ELSEIF", "ELSE", "END") });
    } while (this.takes("ELSEIF"));
    const otherwise = this.takes("ELSE") ? this.#steps("END") : [];
    if (!this.takes("END", "IF")) return this.unexpected();
    return { kind: "if", branches, otherwise };
  }

  #block(): Step {
    const body = this.block("EXCEPTION", "END");
    let handler: Step[] | undefined;
    if (this.takes("EXCEPTION")) {
      if (!this.takes("WHEN", "ERROR", "THEN")) return this.unexpected();
      handler = this.#steps("END");
    }
    this.expect("END");
    return { kind: "block", body, handler };
  }

  #while(): Step {
    const condition = this.#expression("DO");
    this.expect("DO");
    const body = this.#steps("END");
    if (!this.takes("END", "WHILE")) return this.unexpected();
    return { kind: "while", condition, body };
  }

  #for(): Step {
    const variable = this.name();
    this.expect("IN");
    const query = this.#expression("DO");
    this.expect("DO");
    const body = this.#steps("END");
    if (!this.takes("END", "FOR")) return this.unexpected();
    return { kind: "for", variable, query, body };
  }

  #execute(): Step {
    this.expect("IMMEDIATE");
    const sql = this.#expression("INTO", "USING");
    const into = this.takes("INTO") ? this.list(() => this.name()) : [];
    if (this.is("USING")) throw notImplemented("EXECUTE IMMEDIATE ... USING");
    return { kind: "execute", sql, into };
  }

  #function(): Step {
    this.expect("CREATE");
    const orReplace = this.takes("OR", "REPLACE");
    this.at += 2;
    const name = this.name();
    this.expect("(");
    const parameters = this.is(")") ? [] : this.list(() => ({ name: this.name(), type: this.type() }));
    this.expect(")");
    const returns = this.takes("RETURNS") ? this.type() : undefined;
    if (this.is("LANGUAGE")) throw notImplemented("functions in another language than SQL");
    this.expect("AS");
    const body = this.#until();
    if (body[0]?.text !== "(" || body.at(-1)?.text !== ")") return this.unexpected();
    return { kind: "function", made: { name, parameters, returns, text: this.text, body }, orReplace };
  }

  #raise(): Step {
    if (!this.takes("USING", "MESSAGE")) {
      if (this.peek() === undefined || this.is(";")) throw notImplemented("RAISE without a message");
      throw invalidQuery("Syntax error: Expected USING MESSAGE = after RAISE");
    }
    this.expect("=");
    return { kind: "raise", message: this.#expression() };
  }
}
