import { invalidQuery, notImplemented } from "../errors.ts";
import { lex, type Token } from "./lex.ts";
import { createsRoutine, type Routine, RoutineReader } from "./routines.ts";
import { TokenReader } from "./token-reader.ts";
import type { Type } from "./types.ts";

/** A step of a procedural script. Expressions and statements are the tokens of the author's text. */
export type Step =
  | { kind: "sql"; tokens: Token[] }
  | { kind: "declare"; names: string[]; type: Type | undefined; value: Token[] | undefined }
  | { kind: "set"; names: string[]; value: Token[] }
  | { kind: "if"; branches: { condition: Token[]; body: Step[] }[]; otherwise: Step[] }
  | { kind: "block"; body: Step[]; handler: Step[] | undefined }
  /** WHILE; without a condition LOOP. */
  | { kind: "while"; condition: Token[] | undefined; body: Step[] }
  | { kind: "repeat"; body: Step[]; until: Token[] }
  | { kind: "for"; variable: string; query: Token[]; body: Step[] }
  | { kind: "execute"; sql: Token[]; into: string[]; using: { value: Token[]; name: string | undefined }[] }
  | { kind: "call"; path: string[]; args: Token[][] }
  | { kind: "transaction"; action: "begin" | "commit" | "rollback" }
  | { kind: "raise"; message: Token[] }
  | { kind: "function"; made: Routine; orReplace: boolean }
  | { kind: "break" }
  | { kind: "continue" }
  | { kind: "return" };

const PROCEDURAL =
  /^(BEGIN|CALL|CASE|COMMIT|DECLARE|EXECUTE|FOR|IF|LOOP|RAISE|REPEAT|RETURN|ROLLBACK|SET|WHILE)$/i;

/** The steps of a text that is a procedural script, or undefined where it is plain statements. */
export function readScript(text: string): Step[] | undefined {
  const start = /^\s*(\w+)/.exec(text)?.[1] ?? "";
  if (!text.includes(";") && !PROCEDURAL.test(start)) return undefined;
  const tokens = lex(text);
  const starts = tokens.filter((_, i) => i === 0 || tokens[i - 1]?.text === ";");
  const isStep = (token: Token): boolean =>
    token.kind === "word" &&
    (PROCEDURAL.test(token.text) ||
      makesFunction(tokens.slice(tokens.indexOf(token), tokens.indexOf(token) + 6)));
  if (!starts.some(isStep)) return undefined;
  const reader = new ScriptReader(text, tokens);
  const steps = reader.block();
  return reader.finish(steps);
}

/** CREATE TEMP FUNCTION, or CREATE PROCEDURE, whose body is a script. */
function makesFunction(tokens: Token[]): boolean {
  const isTemporary = tokens.slice(0, 5).some((token) => /^TEMP(ORARY)?$/i.test(token.text));
  const kind = createsRoutine(tokens);
  return kind === "PROCEDURE" || (kind === "FUNCTION" && isTemporary);
}

/** The steps of a procedure's body, BEGIN ... END. */
export function readProcedure({ text, body }: Routine): Step[] {
  const reader = new ScriptReader(text, body);
  return reader.finish(reader.steps());
}

class ScriptReader extends TokenReader {
  /** The statements of a script or block up to a word that ends it: declarations come first. */
  block(...ends: string[]): Step[] {
    const steps: Step[] = [];
    while (this.takes("DECLARE")) {
      steps.push(this.#declare());
      if (this.peek() !== undefined) this.expect(";");
    }
    return [...steps, ...this.steps(...ends)];
  }

  /** Statements up to a word that ends a body, or the end. */
  steps(...ends: string[]): Step[] {
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
    if (
      this.is("BEGIN") &&
      (this.is("TRANSACTION", 1) || this.is(";", 1) || this.tokens.length === this.at + 1)
    )
      return this.#transaction("begin");
    if (this.is("COMMIT")) return this.#transaction("commit");
    if (this.is("ROLLBACK")) return this.#transaction("rollback");
    if (word === "DECLARE")
      throw invalidQuery("Variable declarations are allowed only at the start of a block or script");
    if (this.takes("SET")) return this.#set();
    if (this.takes("IF")) return this.#if();
    if (this.takes("BEGIN")) return this.#block();
    if (this.takes("WHILE")) return this.#while();
    if (this.takes("FOR")) return this.#for();
    if (this.takes("EXECUTE")) return this.#execute();
    if (this.takes("RAISE")) return this.#raise();
    if (this.takes("LOOP")) return { kind: "while", condition: undefined, body: this.#body("LOOP") };
    if (this.takes("REPEAT")) return this.#repeat();
    if (this.takes("CASE")) return this.#case();
    if (this.takes("CALL")) return this.#call();
    if (this.takes("BREAK") || this.takes("LEAVE")) return { kind: "break" };
    if (this.takes("CONTINUE") || this.takes("ITERATE")) return { kind: "continue" };
    if (this.takes("RETURN")) return { kind: "return" };
    if (this.is(":", 1)) throw notImplemented("labels in a script");
    if (makesFunction(this.tokens.slice(this.at))) return this.#routine();
    const tokens = this.#until();
    if (tokens.length === 0) return this.unexpected();
    return { kind: "sql", tokens };
  }

  #transaction(action: "begin" | "commit" | "rollback"): Step {
    this.at++;
    this.takes("TRANSACTION");
    return { kind: "transaction", action };
  }

  /** Statements up to END and the word after it. */
  #body(word: string, ...before: string[]): Step[] {
    const body = this.steps("END", ...before);
    if (before.length === 0 && !this.takes("END", word)) return this.unexpected();
    return body;
  }

  #repeat(): Step {
    const body = this.#body("REPEAT", "UNTIL");
    this.expect("UNTIL");
    const until = this.#expression("END");
    if (!this.takes("END", "REPEAT")) return this.unexpected();
    return { kind: "repeat", body, until };
  }

  /** CASE [value] WHEN ... THEN statements ... END CASE, as IF. */
  #case(): Step {
    const value = this.is("WHEN") ? undefined : this.#expression("WHEN");
    const branches: { condition: Token[]; body: Step[] }[] = [];
    while (this.takes("WHEN")) {
      const when = this.#expression("THEN");
      this.expect("THEN");
      const condition = value ? equality(value, when) : when;
      branches.push({ condition, body: this.steps("WHEN", "ELSE", "END") });
    }
    const otherwise = this.takes("ELSE") ? this.steps("END") : [];
    if (branches.length === 0 || !this.takes("END", "CASE")) return this.unexpected();
    return { kind: "if", branches, otherwise };
  }

  #call(): Step {
    const path = this.path();
    this.expect("(");
    const args = this.is(")") ? [] : this.list(() => this.#expression(",", ")"));
    this.expect(")");
    return { kind: "call", path, args };
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
      branches.push({ condition, body: this.steps("ELSEIF", "ELSE", "END") });
    } while (this.takes("ELSEIF"));
    const otherwise = this.takes("ELSE") ? this.steps("END") : [];
    if (!this.takes("END", "IF")) return this.unexpected();
    return { kind: "if", branches, otherwise };
  }

  #block(): Step {
    const body = this.block("EXCEPTION", "END");
    let handler: Step[] | undefined;
    if (this.takes("EXCEPTION")) {
      if (!this.takes("WHEN", "ERROR", "THEN")) return this.unexpected();
      handler = this.steps("END");
    }
    this.expect("END");
    return { kind: "block", body, handler };
  }

  #while(): Step {
    const condition = this.#expression("DO");
    this.expect("DO");
    return { kind: "while", condition, body: this.#body("WHILE") };
  }

  #for(): Step {
    const variable = this.name();
    this.expect("IN");
    const query = this.#expression("DO");
    this.expect("DO");
    return { kind: "for", variable, query, body: this.#body("FOR") };
  }

  #execute(): Step {
    this.expect("IMMEDIATE");
    const sql = this.#expression("INTO", "USING");
    const into = this.takes("INTO") ? this.list(() => this.name()) : [];
    const using = this.takes("USING") ? this.list(() => this.#using()) : [];
    return { kind: "execute", sql, into, using };
  }

  #using(): { value: Token[]; name: string | undefined } {
    const value = this.#expression(",", "AS");
    return { value, name: this.takes("AS") ? this.name() : undefined };
  }

  /** A temporary function of the script; a procedure, whose body's end its statements tell. */
  #routine(): Step {
    const from = this.at;
    if (createsRoutine(this.tokens.slice(from)) !== "PROCEDURE") {
      const { made, orReplace } = new RoutineReader(this.text, this.#until()).read();
      return { kind: "function", made, orReplace };
    }
    this.#until("BEGIN");
    this.expect("BEGIN");
    this.#block();
    return { kind: "sql", tokens: this.tokens.slice(from, this.at) };
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

/** (a) = (b) */
function equality(a: Token[], b: Token[]): Token[] {
  const mark = (text: string, at: number): Token => ({
    kind: "punct",
    text,
    value: text,
    start: at,
    end: at,
  });
  const wrapped = (tokens: Token[]): Token[] => [
    mark("(", tokens[0]?.start ?? 0),
    ...tokens,
    mark(")", tokens.at(-1)?.end ?? 0),
  ];
  return [...wrapped(a), mark("=", a.at(-1)?.end ?? 0), ...wrapped(b)];
}
