import { invalidQuery } from "../errors.ts";

export type TokenKind = "word" | "quoted" | "string" | "bytes" | "number" | "param" | "sysvar" | "punct";

/** `start` and `end` are offsets into the SQL text. `value` is the decoded content of a literal or quoted name. */
export interface Token {
  kind: TokenKind;
  text: string;
  value: string;
  bytes?: Uint8Array;
  start: number;
  end: number;
}

const SPACE = /\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\//y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const STRING_OPEN = /([rR][bB]|[bB][rR]|[rR]|[bB])?("""|'''|"|')/y;
const PUNCT = /\|>|<=|>=|<>|!=|\|\||<<|>>|=>|->|[-+*/%&|^~<>=().,;:[\]{}?@$!\\]/y;

function match(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(sql);
}

/** "[line:column]", both from 1, as BigQuery's messages give a place. */
export function place(sql: string, offset: number): string {
  const before = sql.slice(0, offset);
  const line = before.split("\n").length;
  return `[${line}:${offset - before.lastIndexOf("\n")}]`;
}

/** Splits SQL into tokens; comments and white space are left out. Throws invalidQuery on an unclosed literal. */
export function lex(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let positional = 0;
  while (at < sql.length) {
    const space = match(SPACE, sql, at);
    if (space) {
      at += space[0].length;
      continue;
    }
    const token = readLiteral(sql, at) ?? readParam(sql, at) ?? readPlain(sql, at);
    if (token === null)
      throw invalidQuery(`Syntax error: Illegal input character "${sql[at]}" at ${place(sql, at)}`);
    if (token.kind === "punct" && token.text === "?") {
      tokens.push({ ...token, kind: "param", value: `__positional_${positional++}` });
    } else tokens.push(token);
    at = token.end;
  }
  return tokens;
}

function readPlain(sql: string, at: number): Token | null {
  const word = match(WORD, sql, at);
  if (word) return plain("word", word[0], at);
  const number = match(NUMBER, sql, at);
  if (number) return plain("number", number[0], at);
  const punct = match(PUNCT, sql, at);
  return punct ? plain("punct", punct[0], at) : null;
}

function plain(kind: TokenKind, text: string, at: number): Token {
  return { kind, text, value: text, start: at, end: at + text.length };
}

function readParam(sql: string, at: number): Token | null {
  if (sql[at] !== "@") return null;
  const system = sql[at + 1] === "@";
  const word = match(WORD, sql, at + (system ? 2 : 1));
  if (!word) return null;
  const end = WORD.lastIndex;
  return { kind: system ? "sysvar" : "param", text: sql.slice(at, end), value: word[0], start: at, end };
}

function readLiteral(sql: string, at: number): Token | null {
  if (sql[at] === "`") return readDelimited(sql, at, at, "`", "quoted", false);
  const open = match(STRING_OPEN, sql, at);
  if (!open) return null;
  const prefix = (open[1] ?? "").toLowerCase();
  const kind = prefix.includes("b") ? "bytes" : "string";
  return readDelimited(sql, at, at + prefix.length, open[2] ?? '"', kind, prefix.includes("r"));
}

function readDelimited(
  sql: string,
  start: number,
  open: number,
  quote: string,
  kind: TokenKind,
  raw: boolean,
): Token {
  let at = open + quote.length;
  while (at < sql.length && !sql.startsWith(quote, at)) {
    if (sql[at] === "\n" && quote.length === 1) break;
    at += sql[at] === "\\" ? 2 : 1;
  }
  if (!sql.startsWith(quote, at)) {
    const what = kind === "quoted" ? "identifier" : `${kind === "bytes" ? "bytes" : "string"} literal`;
    throw invalidQuery(`Syntax error: Unclosed ${what} at ${place(sql, start)}`);
  }
  const end = at + quote.length;
  const content = sql.slice(open + quote.length, at).replaceAll("\r\n", "\n");
  const token: Token = { kind, text: sql.slice(start, end), value: content, start, end };
  const where = place(sql, start);
  if (kind === "bytes") token.bytes = raw ? Buffer.from(content) : unescapeBytes(content, where);
  else if (!raw) token.value = unescapeText(content, where);
  return token;
}

const ESCAPE =
  /\\(?:([abfnrtv\\?"'`])|([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g;
const SIMPLE: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function unescapeText(content: string, where: string): string {
  if (!content.includes("\\")) return content;
  return content.replace(ESCAPE, (all, simple, octal, hex, u4, u8) => {
    if (simple !== undefined) return SIMPLE[simple] ?? simple;
    const code =
      octal !== undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex ?? u4 ?? u8 ?? "x", 16);
    if (Number.isNaN(code) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      throw invalidQuery(`Syntax error: Illegal escape sequence: ${all} at ${where}`);
    return String.fromCodePoint(code);
  });
}

function unescapeBytes(content: string, where: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let last = 0;
  for (const m of content.matchAll(ESCAPE)) {
    const [all, simple, octal, hex] = m;
    parts.push(Buffer.from(content.slice(last, m.index)));
    last = m.index + all.length;
    if (simple !== undefined) parts.push(Buffer.from(SIMPLE[simple] ?? simple));
    else if (octal !== undefined) parts.push(Uint8Array.of(Number.parseInt(octal, 8)));
    else if (hex !== undefined) parts.push(Uint8Array.of(Number.parseInt(hex, 16)));
    else throw invalidQuery(`Syntax error: Illegal escape sequence: ${all} at ${where}`);
  }
  parts.push(Buffer.from(content.slice(last)));
  return Buffer.concat(parts);
}
