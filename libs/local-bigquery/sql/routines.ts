import { notImplemented } from "../errors.ts";
import type { TableLookup } from "./analysis.ts";
import type { Token } from "./lex.ts";
import { OptionReader } from "./options.ts";
import { arrayOf, type StructField, structOf, type Type } from "./types.ts";

export type RoutineKind = "FUNCTION" | "TABLE FUNCTION" | "PROCEDURE";

export interface RoutineParameter {
  name: string;
  /** Undefined: ANY TYPE. */
  type: Type | undefined;
  mode: "IN" | "OUT" | "INOUT";
}

/** A function, table function or procedure as its CREATE statement defines it. */
export interface Routine {
  kind: RoutineKind;
  /** As messages name it. */
  name: string;
  parameters: RoutineParameter[];
  /** Given by RETURNS; of a table function as ARRAY<STRUCT<...>>. Undefined: what the body gives. */
  returns: Type | undefined;
  /** The text that the body's tokens are of: an expression, a query, or statements. */
  text: string;
  body: Token[];
  /** The code of a JavaScript function, which has no body in SQL. */
  javascript: string | undefined;
  /** How a stored routine finds what its body names; one of a script sees what the script sees. */
  names?: { findTable: TableLookup; findRoutine: RoutineLookup };
}

/** Finds a routine by its path, or undefined. */
export type RoutineLookup = (parts: string[]) => Routine | undefined;

export interface CreateRoutine {
  kind: "create_routine";
  path: string[];
  temporary: boolean;
  orReplace: boolean;
  ifNotExists: boolean;
  made: Routine;
  /** The statement's own text. */
  sql: string;
}

/** CREATE [OR REPLACE] [TEMP] FUNCTION | TABLE FUNCTION | PROCEDURE, told by the first words. */
export function createsRoutine(tokens: Token[]): RoutineKind | undefined {
  const words = tokens
    .slice(0, 6)
    .map((token) => token.text.toUpperCase())
    .join(" ");
  const found =
    /^CREATE (?:OR REPLACE )?(?:TEMP(?:ORARY)? )?(?:AGGREGATE )?(FUNCTION|TABLE FUNCTION|PROCEDURE)\b/.exec(
      words,
    );
  const kind = found?.[1];
  return kind === "FUNCTION" || kind === "TABLE FUNCTION" || kind === "PROCEDURE" ? kind : undefined;
}

/** Reads a CREATE statement of a routine: all of the tokens. */
export class RoutineReader extends OptionReader {
  read(): CreateRoutine {
    const [first, last] = [this.tokens[0], this.tokens.at(-1)];
    this.expect("CREATE");
    const orReplace = this.takes("OR", "REPLACE");
    const temporary = this.takes("TEMP") || this.takes("TEMPORARY");
    if (this.is("AGGREGATE")) throw notImplemented("CREATE AGGREGATE FUNCTION");
    const kind = this.#kind();
    const ifNotExists = this.takes("IF", "NOT", "EXISTS");
    const path = this.path();
    const made = this.#routine(kind, path.join("."));
    const sql = this.text.slice(first?.start, last?.end);
    return { kind: "create_routine", path, temporary, orReplace, ifNotExists, made, sql };
  }

  #kind(): RoutineKind {
    if (this.takes("FUNCTION")) return "FUNCTION";
    if (this.takes("PROCEDURE")) return "PROCEDURE";
    this.expect("TABLE");
    this.expect("FUNCTION");
    return "TABLE FUNCTION";
  }

  #routine(kind: RoutineKind, name: string): Routine {
    const parameters = this.#parameters();
    const made: Routine = {
      kind,
      name,
      parameters,
      returns: undefined,
      text: this.text,
      body: [],
      javascript: undefined,
    };
    if (kind === "PROCEDURE") {
      this.options();
      if (!this.is("BEGIN")) throw notImplemented("a procedure in another language than SQL");
      return { ...made, body: this.#rest() };
    }
    made.returns = this.takes("RETURNS") ? this.#returns(kind) : undefined;
    if (this.takes("NOT", "DETERMINISTIC")) throw notImplemented("NOT DETERMINISTIC");
    this.takes("DETERMINISTIC");
    if (this.takes("LANGUAGE")) return this.#javascript(made);
    if (this.is("REMOTE")) throw notImplemented("remote functions");
    this.options();
    this.expect("AS");
    return { ...made, body: kind === "FUNCTION" ? this.#expression() : this.#rest() };
  }

  #parameters(): RoutineParameter[] {
    this.expect("(");
    const parameters = this.is(")") ? [] : this.list(() => this.#parameter());
    this.expect(")");
    return parameters;
  }

  #parameter(): RoutineParameter {
    // A parameter may be called "in": it is a mode only where a name follows.
    const next = this.tokens[this.at + 1];
    const isMode =
      /^(IN|OUT|INOUT)$/i.test(this.peek()?.text ?? "") && this.tokens[this.at + 2]?.kind === "word";
    const word =
      isMode && (next?.kind === "word" || next?.kind === "quoted") ? this.next().text.toUpperCase() : "IN";
    const mode = word === "OUT" || word === "INOUT" ? word : "IN";
    const name = this.name();
    if (this.is("TABLE")) throw notImplemented("a parameter of type TABLE");
    const type = this.takes("ANY", "TYPE") ? undefined : this.type();
    if (this.is("DEFAULT")) throw notImplemented("a parameter with a default");
    return { name, type, mode };
  }

  /** A type, or TABLE<name type, ...>. */
  #returns(kind: RoutineKind): Type {
    if (kind !== "TABLE FUNCTION") return this.type();
    this.expect("TABLE");
    this.expect("<");
    const fields: StructField[] = this.list(() => this.structField());
    this.closeAngle();
    return arrayOf(structOf(fields));
  }

  #javascript(made: Routine): Routine {
    const language = this.name();
    if (!/^js$/i.test(language)) throw notImplemented(`functions in ${language}`);
    const options = this.options();
    if (options.has("library")) throw notImplemented("a JavaScript function with a library");
    this.expect("AS");
    const code = this.next();
    if (code.kind !== "string") return this.unexpected(code);
    return this.finish({ ...made, javascript: code.value });
  }

  /** An expression in parentheses, and the options after it. */
  #expression(): Token[] {
    const from = this.at;
    let depth = 0;
    do {
      const { kind, text } = this.next();
      if (kind === "punct" && text === "(") depth++;
      else if (kind === "punct" && text === ")") depth--;
      else if (depth === 0) return this.unexpected(this.tokens[from]);
    } while (depth > 0);
    const body = this.tokens.slice(from, this.at);
    this.options();
    return this.finish(body);
  }

  #rest(): Token[] {
    const body = this.tokens.slice(this.at);
    return body.length > 0 ? body : this.unexpected();
  }
}
