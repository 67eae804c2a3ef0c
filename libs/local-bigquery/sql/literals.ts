import { invalidQuery, notImplemented } from "../errors.ts";
import { stringOr } from "../json.ts";
import type { Analysis } from "./analysis.ts";
import { type Node, only } from "./ast.ts";
import { blob, type Expr, quote } from "./expr.ts";
import { canonicalJson } from "./jsontext.ts";
import { place, type Token } from "./lex.ts";
import { normaliseTemporal } from "./temporal.ts";
import { BYTES, duckType, FLOAT64, INT64, JSON_TYPE, STRING, type Type } from "./types.ts";

const MAX_INT64 = 2n ** 63n;

/** The literal token behind a parser's literal node, which carries its number. */
export function tokenOf(analysis: Analysis, node: Node): Token {
  const value = stringOr(only(node, "literal_type", "value").value, "");
  const token = analysis.source.literals[Number(value.slice(1))];
  if (!value.startsWith("#") || token === undefined) throw notImplemented(`literal ${value}`);
  return token;
}

export function lowerLiteral(analysis: Analysis, node: Node): Expr {
  const body = only(node, "literal_type", "value");
  const kind = body.literal_type;
  if (kind === "number") return numberLiteral(stringOr(body.value, ""));
  if (kind === "hex_number") return intLiteral(BigInt(`0x${stringOr(body.value, "0")}`));
  const token = tokenOf(analysis, node);
  const where = ` at ${place(analysis.source.text, token.start)}`;
  if (kind === "string" || kind === "byte_string") return textLiteral(token, where);
  if (kind === "date" || kind === "datetime" || kind === "timestamp" || kind === "time")
    return temporalLiteral(kind, token, where);
  throw notImplemented(`literal of kind ${kind}${where}`);
}

export function textLiteral(token: Token, where: string): Expr {
  if (token.bytes) return { sql: blob(token.bytes), type: BYTES };
  return { sql: quote(token.value), type: STRING, literal: "string", text: token.value, where };
}

function temporalLiteral(
  kind: "date" | "datetime" | "timestamp" | "time",
  token: Token,
  where: string,
): Expr {
  const name =
    kind === "date" ? "DATE" : kind === "datetime" ? "DATETIME" : kind === "time" ? "TIME" : "TIMESTAMP";
  const type: Type = { kind: name };
  const value = normaliseTemporal(name, token.value);
  if (value === undefined) throw invalidQuery(`Invalid ${name} literal "${token.value}"${where}`);
  return { sql: `CAST(${quote(value)} AS ${duckType(type)})`, type, where };
}

/** JSON '...': the text is read once, here. */
export function jsonLiteral(token: Token, where: string): Expr {
  const text = canonicalJson(token.value);
  if (text === undefined)
    throw invalidQuery(`Invalid JSON literal: syntax error while parsing value${where}`);
  return { sql: quote(text), type: JSON_TYPE, where };
}

function intLiteral(value: bigint): Expr {
  if (value >= MAX_INT64) throw invalidQuery(`Invalid integer literal: ${value}`);
  return { sql: `CAST(${value} AS BIGINT)`, type: INT64, literal: "int", text: String(value) };
}

export function numberLiteral(text: string): Expr {
  if (/^\d+$/.test(text)) return intLiteral(BigInt(text));
  const value = Number(text);
  if (!Number.isFinite(value)) throw invalidQuery(`Invalid floating point literal: ${text}`);
  return { sql: `CAST(${quote(text)} AS DOUBLE)`, type: FLOAT64, literal: "float", text };
}
