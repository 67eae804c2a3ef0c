/**
 * SQL with variables, compiled once when a template is loaded. A value never becomes part of the SQL's text, but
 * for names in backticks, which hold only [A-Za-z0-9_-]+:
 * - a string literal with variables becomes one STRING parameter: 'x-{date}' is @p0, whose value is x-2025-11-15;
 * - a typed literal, as DATE '{date}', becomes a cast of one: CAST(@p0 AS DATE);
 * - a bare variable becomes a parameter of its declared type.
 */
import type { ParamType } from "@convergence/warehouse/port.ts";
import { scan, type TextFault, toText } from "../text.ts";
import type { ParameterType, Text } from "../types.ts";
import { readEscapes } from "./escapes.ts";
import { type Token, tokenise } from "./lexer.ts";

/** SQL with variables. In `text` a variable stands inside backticks. */
export interface SqlTemplate {
  text: Text;
  params: readonly SqlParam[];
}

/** A query parameter of the SQL: a typed variable, or a text that is rendered. */
export interface SqlParam {
  name: string;
  type: ParamType;
  value: { variable: string } | { text: Text };
}

export type VariableTypes = ReadonlyMap<string, ParameterType>;

const PARAM_TYPES: Readonly<Record<ParameterType, ParamType>> = {
  string: "STRING",
  int: "INT64",
  float: "FLOAT64",
  bool: "BOOL",
  date: "DATE",
  timestamp: "TIMESTAMP",
};
/** Types whose literals are a word and a string: DATE '2025-11-15'. */
const TYPED_LITERALS = new Set(
  [
    "DATE",
    "DATETIME",
    "TIME",
    "TIMESTAMP",
    "NUMERIC",
    "DECIMAL",
    "BIGNUMERIC",
    "BIGDECIMAL",
    "JSON",
  ].values(),
);
const BESIDE_A_NAME =
  "a variable beside other text needs quotes: put a whole name in backticks, a whole text in '...'";

/** A query is a SELECT; an expression is what may stand in one, as a condition: it stands in our own statement. */
export type SqlKind = "query" | "expression";

/**
 * Compiles one query, or an expression. Variables that `types` lacks are no fault here: the caller names them.
 * @param prefix what its parameters' names begin with, where several texts become one statement
 */
export function compileSql(
  source: string,
  types: VariableTypes,
  kind: SqlKind = "query",
  prefix = "p",
): { sql: SqlTemplate; faults: TextFault[] } {
  const compiler = new SqlCompiler(source, types, kind, prefix);
  compiler.run();
  return { sql: compiler.result(), faults: compiler.faults.sort((a, b) => a.at - b.at) };
}

class SqlCompiler {
  readonly faults: TextFault[] = [];
  /** The source with escapes undone and each variable as one character. */
  readonly #flat: string;
  /** For each character of #flat its offset in the source. */
  readonly #offsets: number[] = [];
  readonly #variables = new Map<number, string>();
  readonly #types: VariableTypes;
  readonly #tokens: Token[];
  /** What each token becomes. */
  readonly #out: Text[] = [];
  readonly #params = new Map<string, SqlParam>();
  readonly #kind: SqlKind;
  readonly #prefix: string;

  constructor(source: string, types: VariableTypes, kind: SqlKind, prefix: string) {
    this.#types = types;
    this.#kind = kind;
    this.#prefix = prefix;
    const { pieces, faults } = scan(source);
    this.faults.push(...faults);
    let flat = "";
    for (const piece of pieces) {
      if (piece.kind === "variable") this.#variables.set(flat.length, piece.name);
      const text = piece.kind === "variable" ? "?" : piece.text;
      for (let i = 0; i < text.length; i++) this.#offsets.push(piece.at + i);
      flat += text;
    }
    this.#flat = flat;
    this.#tokens = tokenise(flat, (offset) => this.#variables.has(offset));
  }

  run(): void {
    if (this.#kind === "query") this.#checkStatement();
    else this.#checkExpression();
    for (const [index, token] of this.#tokens.entries()) {
      if (token.unclosed !== null)
        this.#fault(token.start, `nothing closes this: ${token.unclosed} is missing`);
      this.#out.push(this.#compile(token, index));
    }
  }

  result(): SqlTemplate {
    const pieces = this.#out
      .flat()
      .map((part) =>
        typeof part === "string"
          ? { kind: "text" as const, text: part, at: 0 }
          : { kind: "variable" as const, name: part.variable, at: 0, length: 0 },
      );
    return { text: toText(pieces), params: [...this.#params.values()] };
  }

  #compile(token: Token, index: number): Text {
    switch (token.kind) {
      case "comment":
        this.#refuseVariables(
          token,
          "a variable in a comment is replaced by nothing: take it out of the comment",
        );
        return [this.#textOf(token)];
      case "name":
        return this.#quotedName(token);
      case "string":
        return this.#hasVariable(token) ? this.#literal(token, index) : [this.#textOf(token)];
      case "placeholder":
        return this.#bare(token, index);
      case "symbol":
        this.#checkSymbol(token);
        return [this.#textOf(token)];
      default:
        return [this.#textOf(token)];
    }
  }

  #quotedName(token: Token): Text {
    const pieces: (string | { variable: string })[] = [];
    for (let at = token.start; at < token.end; at++) {
      const variable = this.#variables.get(at);
      if (variable !== undefined && this.#escapesNext(at - 1, token)) this.#faultBackslash(at);
      pieces.push(variable === undefined ? this.#flat.charAt(at) : { variable });
    }
    return pieces;
  }

  #literal(token: Token, index: number): Text {
    if (token.bytes) {
      this.#refuseVariables(
        token,
        "a bytes literal cannot hold a variable: use a string, and CAST(... AS BYTES)",
      );
      return [this.#textOf(token)];
    }
    const param = this.#param("STRING", { text: this.#literalText(token) });
    const before = this.#before(index);
    const word = before === undefined ? "" : this.#textOf(before).toUpperCase();
    if (word === "INTERVAL") {
      this.#fault(token.start, "write INTERVAL {name} DAY, and declare the variable as int");
    }
    if (before === undefined || !TYPED_LITERALS.has(word)) return [`@${param}`, this.#gap(token)];
    this.#out[this.#tokens.indexOf(before)] = [word === "JSON" ? "PARSE_JSON(" : "CAST("];
    return [word === "JSON" ? `@${param})` : `@${param} AS ${word})`];
  }

  /** What the inside of a literal stands for, its variables kept. */
  #literalText(token: Token): Text {
    const text: (string | { variable: string })[] = [];
    let from = token.inner.start;
    for (let at = from; at <= token.inner.end; at++) {
      const variable = at < token.inner.end ? this.#variables.get(at) : undefined;
      if (variable === undefined && at < token.inner.end) continue;
      if (variable !== undefined && !token.raw && this.#escapesNext(at - 1, token)) this.#faultBackslash(at);
      else if (at > from) text.push(this.#segment(token, from, at));
      if (variable !== undefined) text.push({ variable });
      from = at + 1;
    }
    return text;
  }

  #segment(token: Token, from: number, to: number): string {
    // In a triple-quoted literal every line end is a newline, whatever the file has.
    const inner = this.#flat.slice(from, to).replace(/\r\n?/g, "\n");
    if (token.raw) return inner;
    const unescaped = readEscapes(inner);
    if ("text" in unescaped) return unescaped.text;
    this.#fault(
      from + unescaped.badEscapeAt,
      'this escape is not one of GoogleSQL: write \\\\ for a "\\" itself',
    );
    return inner;
  }

  #bare(token: Token, index: number): Text {
    const variable = this.#variables.get(token.start) ?? "";
    const next = this.#tokens[index + 1];
    const nextIsToldItself = next?.kind === "placeholder";
    if (this.#touches(this.#tokens[index - 1]) || (!nextIsToldItself && this.#touches(next))) {
      this.#fault(token.start, BESIDE_A_NAME);
    }
    const type = this.#types.get(variable) ?? "string";
    return [`@${this.#param(PARAM_TYPES[type], { variable })}`];
  }

  #param(type: ParamType, value: SqlParam["value"]): string {
    const key = JSON.stringify([type, value]);
    const known = this.#params.get(key);
    if (known !== undefined) return known.name;
    const name = `${this.#prefix}${this.#params.size}`;
    this.#params.set(key, { name, type, value });
    return name;
  }

  /** One statement, and a SELECT: whatever else BigQuery would run is not for this step type. */
  #checkStatement(): void {
    const significant = this.#tokens.filter((token) => token.kind !== "space" && token.kind !== "comment");
    const first = significant.find((token) => this.#textOf(token) !== "(");
    if (first === undefined) {
      this.#fault(0, "the query is empty: write a SELECT");
      return;
    }
    if (!/^(select|with)$/i.test(this.#textOf(first))) {
      this.#fault(
        first.start,
        "a query is a SELECT (or WITH ... SELECT) in this release; nothing else is run",
      );
    }
    const end = significant.findIndex((token) => this.#textOf(token) === ";" && token.kind === "symbol");
    const more = end < 0 ? undefined : significant[end + 1];
    if (more !== undefined)
      this.#fault(more.start, "a query is one statement: put the next one into a step of its own");
  }

  /** What ends within itself: no comment, no semicolon, every parenthesis closed. */
  #checkExpression(): void {
    const open: Token[] = [];
    for (const token of this.#tokens) {
      const text = this.#textOf(token);
      if (token.kind === "comment") this.#fault(token.start, "no comment may stand here: take it out");
      if (token.kind !== "symbol") continue;
      if (text === ";") this.#fault(token.start, "this is one expression: take the semicolon out");
      if (text === "(" || text === "[") open.push(token);
      const pair = text === ")" ? "(" : text === "]" ? "[" : null;
      if (pair === null) continue;
      const opening = open.pop();
      if (opening === undefined || this.#textOf(opening) !== pair)
        this.#fault(token.start, `nothing opens this "${text}"`);
    }
    for (const token of open) this.#fault(token.start, `nothing closes this "${this.#textOf(token)}"`);
    if (this.#tokens.every(({ kind }) => kind === "space")) this.#fault(0, "is empty: write an expression");
  }

  #checkSymbol(token: Token): void {
    const char = this.#textOf(token);
    if (char === "@" || char === "?") {
      this.#fault(token.start, `"${char}" asks for a query parameter that nothing gives: write {name}`);
    }
  }

  /** Whether a neighbour would run together with a bare variable. */
  #touches(neighbour: Token | undefined): boolean {
    if (neighbour === undefined) return false;
    if (neighbour.kind === "symbol") return /[.$@]/.test(this.#textOf(neighbour));
    return neighbour.kind !== "space" && neighbour.kind !== "comment";
  }

  /** A space where what follows would run on into a parameter's name. */
  #gap(token: Token): string {
    return /[A-Za-z0-9_]/.test(this.#flat.charAt(token.end)) ? " " : "";
  }

  /** The token before this one, comments and white space aside. */
  #before(index: number): Token | undefined {
    return this.#tokens
      .slice(0, index)
      .findLast((token) => token.kind !== "space" && token.kind !== "comment");
  }

  /** Whether the character at `at` is a backslash that is not itself escaped. */
  #escapesNext(at: number, token: Token): boolean {
    let count = 0;
    while (at - count >= token.inner.start && this.#flat.charAt(at - count) === "\\") count++;
    return count % 2 === 1;
  }

  #hasVariable(token: Token): boolean {
    for (let at = token.start; at < token.end; at++) if (this.#variables.has(at)) return true;
    return false;
  }

  #refuseVariables(token: Token, message: string): void {
    for (let at = token.start; at < token.end; at++) if (this.#variables.has(at)) this.#fault(at, message);
  }

  #textOf(token: Token): string {
    return this.#flat.slice(token.start, token.end);
  }

  #faultBackslash(at: number): void {
    this.#fault(at, 'a "\\" right before a variable escapes nothing: write \\\\ for the "\\" itself');
  }

  #fault(at: number, message: string): void {
    this.faults.push({ at: this.#offsets[at] ?? 0, message });
  }
}
