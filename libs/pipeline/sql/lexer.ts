/**
 * The lexical surface of GoogleSQL, as far as it decides what a character is part of: literals, quoted names,
 * comments, words. Source: the GoogleSQL reference, "Lexical structure and syntax".
 * A placeholder is one character of the text whose offset the caller names.
 */

export interface Token {
  kind: "word" | "number" | "string" | "name" | "comment" | "space" | "symbol" | "placeholder";
  start: number;
  /** Offset behind the token. */
  end: number;
  /** Of strings and quoted names: offsets of what stands between the quotes. */
  inner: { start: number; end: number };
  /** Of strings. A raw string knows no escapes; bytes are no text. */
  raw: boolean;
  bytes: boolean;
  /** What is missing at its end, if anything. */
  unclosed: string | null;
}

const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /[0-9][A-Za-z0-9_]*/y;
const SPACE = /\s+/y;
const LINE_COMMENT = /(?:--|#)[^\r\n]*/y;
const BLOCK_COMMENT = /\/\*[\s\S]*?(?:\*\/|$)/y;
const STRING = /(r|b|rb|br)?("""|'''|"|')/iy;

/** Splits SQL into tokens that together are the whole text. */
export function tokenise(sql: string, isPlaceholder: (offset: number) => boolean): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < sql.length; ) {
    const token = isPlaceholder(at) ? plain("placeholder", at, at + 1) : next(sql, at);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

function next(sql: string, at: number): Token {
  const string = match(STRING, sql, at);
  if (string !== null) return stringToken(sql, at, string[1] ?? "", string[2] ?? "");
  if (sql[at] === "`") return quoted(sql, "name", at, at + 1, "`", "");
  const line = match(LINE_COMMENT, sql, at);
  if (line !== null) return plain("comment", at, at + line[0].length);
  const block = match(BLOCK_COMMENT, sql, at);
  if (block !== null) return blockComment(at, block[0]);
  for (const [kind, pattern] of [
    ["space", SPACE],
    ["word", WORD],
    ["number", NUMBER],
  ] as const) {
    const found = match(pattern, sql, at);
    if (found !== null) return plain(kind, at, at + found[0].length);
  }
  return plain("symbol", at, at + 1);
}

function stringToken(sql: string, at: number, prefix: string, quote: string): Token {
  return quoted(sql, "string", at, at + prefix.length + quote.length, quote, prefix.toLowerCase());
}

/** Reads on from behind an opening quote. A backslash keeps the next character from closing, in raw strings too. */
function quoted(
  sql: string,
  kind: "string" | "name",
  start: number,
  from: number,
  quote: string,
  prefix: string,
): Token {
  const token = { kind, start, raw: prefix.includes("r"), bytes: prefix.includes("b") };
  for (let at = from; at < sql.length; at++) {
    const char = sql.charAt(at);
    if (sql.startsWith(quote, at)) {
      return { ...token, end: at + quote.length, inner: { start: from, end: at }, unclosed: null };
    }
    if (quote.length === 1 && (char === "\n" || char === "\r")) {
      return { ...token, end: at, inner: { start: from, end: at }, unclosed: quote };
    }
    if (char === "\\") at++;
  }
  return { ...token, end: sql.length, inner: { start: from, end: sql.length }, unclosed: quote };
}

function blockComment(at: number, text: string): Token {
  const closed = text.length >= 4 && text.endsWith("*/");
  return { ...plain("comment", at, at + text.length), unclosed: closed ? null : "*/" };
}

function plain(kind: Token["kind"], start: number, end: number): Token {
  return { kind, start, end, inner: { start, end }, raw: false, bytes: false, unclosed: null };
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
