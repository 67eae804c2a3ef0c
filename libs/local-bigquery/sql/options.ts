import { notImplemented } from "../errors.ts";
import { TokenReader } from "./token-reader.ts";

/** The value of one option; NULL takes an option away. */
export type Option = string | number | boolean | null | string[] | [string, string][];

/** Reads statements that may have OPTIONS(name = value, ...). */
export class OptionReader extends TokenReader {
  /** OPTIONS(...) if it stands here, by lower-case name. */
  options(): Map<string, Option> {
    const options = new Map<string, Option>();
    if (!this.takes("OPTIONS")) return options;
    this.expect("(");
    while (!this.is(")")) {
      const name = this.name().toLowerCase();
      this.expect("=");
      options.set(name, this.#value());
      if (!this.takes(",")) break;
    }
    this.expect(")");
    return options;
  }

  #value(): Option {
    if (this.takes("[")) return this.#list();
    const token = this.next();
    if (token.kind === "string") return token.value;
    if (token.kind === "number") return Number(token.text);
    if (/^(TRUE|FALSE)$/i.test(token.text)) return /^TRUE$/i.test(token.text);
    if (/^NULL$/i.test(token.text)) return null;
    throw notImplemented(`an option with the value ${token.text}`);
  }

  /** ['a', 'b'], or pairs: [('key', 'value'), ...], also spelled STRUCT('key', 'value'). */
  #list(): string[] | [string, string][] {
    const texts: string[] = [];
    const pairs: [string, string][] = [];
    while (!this.is("]")) {
      this.takes("STRUCT");
      if (this.takes("(")) {
        const key = this.next().value;
        this.expect(",");
        pairs.push([key, this.next().value]);
        this.expect(")");
      } else texts.push(this.next().value);
      if (!this.takes(",")) break;
    }
    this.expect("]");
    return texts.length > 0 ? texts : pairs;
  }
}
