import { invalidQuery, notImplemented } from "../errors.ts";
import { lex, place, type Token } from "./lex.ts";
import { isRangeElement } from "./types.ts";

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
  const source: Source = { text, tokens: joinRanges(tokens), rewritten: "", literals: [], offsets: [] };
  let previous: Token | undefined;
  for (const token of source.tokens) {
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

/**
 * RANGE<DATE>, which the parser does not know, as one quoted name: a custom type to it; before a string, a function of
 * that name.
 */
function joinRanges(tokens: Token[]): Token[] {
  if (!tokens.some((token) => token.text.toUpperCase() === "RANGE")) return tokens;
  const joined: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const [token, open, element, close, next] = tokens.slice(i, i + 5);
    if (!token) break;
    const isRange = token.text.toUpperCase() === "RANGE" && open?.text === "<" && element && close;
    if (!isRange || !close.text.startsWith(">") || !isRangeElement(element.text.toUpperCase())) {
      joined.push(token);
      continue;
    }
    const value = `range<${element.text.toLowerCase()}>`;
    joined.push({ kind: "quoted", text: `\`${value}\``, value, start: token.start, end: close.start + 1 });
    i += 3;
    const rest = close.text.slice(1);
    if (rest !== "") joined.push({ ...close, text: rest, value: rest, start: close.start + 1 });
    if (rest !== "" || next?.kind !== "string") continue;
    const mark = (punct: string, at: number): Token => ({
      kind: "punct",
      text: punct,
      value: punct,
      start: at,
      end: at,
    });
    joined.push(mark("(", next.start), next, mark(")", next.end));
    i++;
  }
  return joined;
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
