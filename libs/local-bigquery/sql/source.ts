import { invalidQuery, notImplemented } from "../errors.ts";
import { lex, place, type Token } from "./lex.ts";

/**
 * A statement's text made ready for the parser. Literals are replaced by numbered ones ('#3') and positional
 * parameters by named ones, because the parser decodes escapes in several ways and numbers no parameters: what a
 * literal means is decided in lex.ts alone.
 */
export interface Source {
  /** What the author wrote, for places in messages. */
  text: string;
  tokens: Token[];
  /** What the parser reads. */
  rewritten: string;
  /** Literal tokens by the number that stands for them. */
  literals: Token[];
  /** Offsets: [in `rewritten`, in `text`], ascending. */
  offsets: [number, number][];
}

/** Reads a part of the tokens (a whole statement, or a query within a DDL statement) for the parser. */
export function makeSource(text: string, tokens: Token[]): Source {
  const source: Source = { text, tokens, rewritten: "", literals: [], offsets: [] };
  let previous: Token | undefined;
  for (const token of tokens) {
    // Words that touch were put in by this endpoint (INTO).
    const touches = previous?.end === token.start && !(previous.kind === "word" && token.kind !== "punct");
    if (previous && !touches) source.rewritten += " ";
    source.offsets.push([source.rewritten.length, token.start]);
    source.rewritten += spelling(source, token, previous);
    previous = token;
  }
  return source;
}

function spelling(source: Source, token: Token, previous: Token | undefined): string {
  const where = `at ${place(source.text, token.start)}`;
  switch (token.kind) {
    case "string":
    case "bytes": {
      if (previous?.kind === "word" && previous.text.toUpperCase() === "BIGNUMERIC")
        throw notImplemented(`BIGNUMERIC ${where}`);
      const n = source.literals.push(token) - 1;
      return token.kind === "bytes" ? `b'#${n}'` : `'#${n}'`;
    }
    case "word":
      if (token.text.toUpperCase() === "RANGE" && isRangeType(source.text, token.end))
        throw notImplemented(`RANGE type ${where}`);
      if (token.text.toUpperCase() === "SYSTEM_TIME" && previous?.text.toUpperCase() === "FOR")
        throw notImplemented(`FOR SYSTEM_TIME AS OF ${where}`);
      return token.text;
    case "param":
      return `@${token.value}`;
    case "sysvar":
      throw notImplemented(`system variable ${token.text} ${where}`);
    case "quoted":
      if (token.value.includes("`") || token.value.includes("\\") || token.value === "")
        throw invalidQuery(`Syntax error: Invalid identifier ${token.text} ${where}`);
      return `\`${token.value}\``;
    case "punct":
      if (token.text === "|>") throw notImplemented(`pipe syntax ${where}`);
      if (["@", "$", "{", "}", "!", "\\", ":"].includes(token.text))
        throw invalidQuery(`Syntax error: Unexpected "${token.text}" ${where}`);
      return token.text;
    default:
      return token.text;
  }
}

function isRangeType(text: string, end: number): boolean {
  return /^\s*<\s*(DATE|DATETIME|TIMESTAMP)\s*>/i.test(text.slice(end));
}

/** Where, in the author's text, an offset of the rewritten text lies: "[line:column]". */
export function placeOf(source: Source, offset: number): string {
  let at = source.tokens[0]?.start ?? 0;
  for (const [rewritten, original] of source.offsets) {
    if (rewritten > offset) break;
    at = original;
  }
  return place(source.text, at);
}

/** Splits SQL text into statements at its semicolons. */
export function statementsOf(text: string): Token[][] {
  const statements: Token[][] = [[]];
  for (const token of lex(text)) {
    if (token.kind === "punct" && token.text === ";") statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((tokens) => tokens.length > 0);
}
