import { invalidQuery } from "../errors.ts";
import { place, type Token } from "./lex.ts";

/** Reads a list of tokens from left to right. Its own list: a reader may split a token (">>"). */
export class TokenReader {
  readonly text: string;
  readonly tokens: Token[];
  at = 0;

  constructor(text: string, tokens: Token[]) {
    this.text = text;
    this.tokens = [...tokens];
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
