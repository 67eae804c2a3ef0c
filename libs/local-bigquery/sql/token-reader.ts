import { invalidQuery, notImplemented } from "../errors.ts";
import { place, type Token } from "./lex.ts";
import { arrayOf, rangeNamed, scalarNamed, structOf, type Type } from "./types.ts";

/** Reads a list of tokens from left to right. Its own list: a reader may split a token (">>"). */
export class TokenReader {
  readonly text: string;
  readonly tokens: Token[];
  at = 0;

  constructor(text: string, tokens: Token[]) {
    this.text = text;
    this.tokens = [...tokens];
  }

  /** A type as SQL spells it. Parameterised ones are refused. */
  type(): Type {
    const token = this.next();
    const word = token.text.toUpperCase();
    if (word === "ARRAY" || word === "STRUCT") {
      this.expect("<");
      const made = word === "ARRAY" ? arrayOf(this.type()) : structOf(this.list(() => this.structField()));
      this.closeAngle();
      return made;
    }
    if (word === "RANGE") return this.#range();
    const type = scalarNamed(word);
    if (type === undefined) throw notImplemented(`type ${word} at ${place(this.text, token.start)}`);
    if (this.is("(")) throw notImplemented(`a parameterised type (${word})`);
    return type;
  }

  #range(): Type {
    this.expect("<");
    const element = this.next();
    const type = rangeNamed(`RANGE<${element.text}>`);
    if (type === undefined) return this.unexpected(element);
    this.closeAngle();
    return type;
  }

  structField(): { name: string | null; type: Type } {
    const field = { name: this.name(), type: this.type() };
    if (this.is("NOT") || this.is("OPTIONS")) throw notImplemented("NOT NULL or OPTIONS within a STRUCT");
    return field;
  }

  /** ">>" closes two types at once: it is split. */
  closeAngle(): void {
    const token = this.peek();
    if (token?.text === ">>") {
      this.tokens.splice(
        this.at,
        1,
        { ...token, text: ">", end: token.start + 1 },
        { ...token, text: ">", start: token.start + 1 },
      );
    }
    this.expect(">");
  }

  /** a.b.c, with dashes in the project: my-project.d.t. */
  path(): string[] {
    const parts = [this.dashed()];
    while (this.takes(".")) parts.push(this.dashed());
    return parts;
  }

  dashed(): string {
    let name = this.name();
    for (let token = this.peek(); token?.text === "-"; token = this.peek()) {
      this.at++;
      name += `-${this.next().value}`;
    }
    return name;
  }

  name(): string {
    const token = this.next();
    if (token.kind !== "word" && token.kind !== "quoted") return this.unexpected(token);
    return token.value;
  }

  list<T>(read: () => T): T[] {
    const items = [read()];
    while (this.takes(",")) items.push(read());
    return items;
  }

  peek(): Token | undefined {
    return this.tokens[this.at];
  }

  next(): Token {
    const token = this.tokens[this.at++];
    return token ?? this.unexpected();
  }

  is(text: string, ahead = 0): boolean {
    const token = this.tokens[this.at + ahead];
    return (token?.kind === "word" || token?.kind === "punct") && token.text.toUpperCase() === text;
  }

  takes(...words: string[]): boolean {
    if (!words.every((word, i) => this.is(word, i))) return false;
    this.at += words.length;
    return true;
  }

  expect(text: string): void {
    if (!this.takes(text)) this.unexpected();
  }

  finish<T>(made: T): T {
    if (this.at < this.tokens.length) this.unexpected();
    return made;
  }

  unexpected(token: Token | undefined = this.peek()): never {
    if (token === undefined)
      throw invalidQuery(
        `Syntax error: Unexpected end of statement at ${place(this.text, this.text.length)}`,
      );
    const what = token.kind === "word" ? `keyword ${token.text.toUpperCase()}` : `"${token.text}"`;
    throw invalidQuery(`Syntax error: Unexpected ${what} at ${place(this.text, token.start)}`);
  }
}
