import { Dialect, parse } from "@polyglot-sql/sdk";
import { invalidQuery, notImplemented } from "../errors.ts";
import { isObject, type JsonObject } from "../json.ts";
import { checkComplete } from "./complete.ts";
import { place } from "./lex.ts";
import { placeOf, type Source } from "./source.ts";

/** A node of the parser's tree: {kind: body}. */
export interface Node {
  kind: string;
  body: JsonObject;
}

/** Body keys that carry no meaning: comments, spellings, places. */
const MEANINGLESS = new Set([
  "span",
  "trailing_comments",
  "left_comments",
  "operator_comments",
  "leading_comments",
  "original_name",
  "alias_explicit_as",
  "alias_keyword",
  "explicit_asc",
  "double_colon_syntax",
  "nesting_group",
  "has_parens",
  "join_mark",
  "use_bracket_syntax",
  "inferred_type",
]);

export function asNode(value: unknown): Node {
  if (isObject(value)) {
    const [kind, ...rest] = Object.keys(value);
    if (kind !== undefined && rest.length === 0) {
      const body = value[kind];
      if (isObject(body)) return kind === "annotated" ? asNode(body.this) : { kind, body };
      if (body === null) return { kind, body: {} };
    }
  }
  throw notImplemented(`this construct (${JSON.stringify(value)?.slice(0, 60)})`);
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** An optional part: undefined where the parser left it out. */
export function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return isPresent(value) ? read(value) : undefined;
}

function isPresent(value: unknown): boolean {
  return (
    value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0)
  );
}

/**
 * The body of a node, after checking that no part is set but those named: what the lowering does not look at,
 * it must not silently drop.
 */
export function only(node: Node, ...parts: string[]): JsonObject {
  for (const [key, value] of Object.entries(node.body)) {
    if (isPresent(value) && !parts.includes(key) && !MEANINGLESS.has(key))
      throw notImplemented(`${key} in ${node.kind}`);
  }
  return node.body;
}

/** An identifier's name; where the body is no identifier, refuses. */
export function nameOf(value: unknown): string {
  if (isObject(value) && typeof value.name === "string") return value.name;
  throw notImplemented("this name");
}

/** The offset (in the rewritten text) of the first identifier within a tree, or undefined. */
export function offsetOf(value: unknown): number | undefined {
  if (!isObject(value) && !Array.isArray(value)) return undefined;
  let least: number | undefined;
  for (const [key, part] of Object.entries(value)) {
    const found =
      key === "span" && isObject(part) && typeof part.start === "number" ? part.start : offsetOf(part);
    if (found !== undefined && (least === undefined || found < least)) least = found;
  }
  return least;
}

/** " at [line:column]" of the first identifier in a tree, or "". */
export function at(source: Source, value: unknown): string {
  const offset = offsetOf(value);
  return offset === undefined ? "" : ` at ${placeOf(source, offset)}`;
}

/** Parses one statement. Throws invalidQuery on a syntax error. */
export function parseStatement(source: Source): Node {
  const result = parse(source.rewritten, Dialect.BigQuery);
  if (!result.success) throw syntaxError(source, result.error ?? "", result.errorStart);
  const [statement, ...more] = result.ast;
  if (statement === undefined || more.length > 0) throw notImplemented("a script of several statements");
  checkComplete(source, statement);
  return asNode(statement);
}

function syntaxError(source: Source, message: string, offset: number | undefined): Error {
  if (message.includes("E_GUARD")) return notImplemented("a statement nested this deep");
  const token = source.tokens.findLast((_, i) => (source.offsets[i]?.[0] ?? 0) <= (offset ?? 0));
  const last = source.tokens.at(-1);
  if (token === undefined || last === undefined || (offset ?? 0) >= source.rewritten.length)
    return invalidQuery(`Syntax error: Unexpected end of script at ${place(source.text, last?.end ?? 0)}`);
  const what = token.kind === "word" ? `identifier "${token.text}"` : `"${token.text}"`;
  return invalidQuery(`Syntax error: Unexpected ${what} at ${place(source.text, token.start)}`);
}
