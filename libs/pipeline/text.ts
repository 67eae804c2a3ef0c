/**
 * Variables in text: `{name}` stands for a value, `{{` and `}}` for the braces themselves.
 */
import type { Scalar, Text } from "./types.ts";

/** A piece of a scanned text. `at` is its offset in the source, in UTF-16 units. */
export type Piece =
  | { kind: "text"; text: string; at: number }
  | { kind: "variable"; name: string; at: number; length: number };

/** A fault within a text: the offset of what is wrong. */
export interface TextFault {
  at: number;
  message: string;
}

const BRACES = /\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|\{[^{}\r\n]*\}|[{}]/g;

/** Splits a text into literal pieces and variables; a stray brace is a fault. */
export function scan(source: string): { pieces: Piece[]; faults: TextFault[] } {
  const pieces: Piece[] = [];
  const faults: TextFault[] = [];
  let from = 0;
  for (const match of source.matchAll(BRACES)) {
    if (match.index > from) pieces.push({ kind: "text", text: source.slice(from, match.index), at: from });
    from = match.index + match[0].length;
    if (match[1] !== undefined) {
      pieces.push({ kind: "variable", name: match[1], at: match.index, length: match[0].length });
    } else if (match[0] === "{{" || match[0] === "}}") {
      pieces.push({ kind: "text", text: match[0].charAt(0), at: match.index });
    } else {
      pieces.push({ kind: "text", text: match[0], at: match.index });
      faults.push({ at: match.index, message: strayBrace(match[0]) });
    }
  }
  if (from < source.length) pieces.push({ kind: "text", text: source.slice(from), at: from });
  return { pieces, faults };
}

function strayBrace(braces: string): string {
  if (braces.length > 1) return `${braces} names no variable: write {${braces}} for the text`;
  return braces === "{"
    ? 'this "{" begins no variable: write {name}, or {{ for the brace itself'
    : 'this "}" ends no variable: write }} for the brace itself';
}

/** Joins scanned pieces into a text with variables. */
export function toText(pieces: readonly Piece[]): Text {
  const text: (string | { variable: string })[] = [];
  for (const piece of pieces) {
    const last = text.at(-1);
    if (piece.kind === "variable") text.push({ variable: piece.name });
    else if (typeof last === "string") text[text.length - 1] = last + piece.text;
    else text.push(piece.text);
  }
  return text;
}

/** Compiles a text that was found without faults. */
export function compileText(source: string): Text {
  return toText(scan(source).pieces);
}

/** The text with its variables replaced. @throws RangeError for a variable without a value. */
export function render(text: Text, values: ReadonlyMap<string, Scalar>): string {
  return text
    .map((part) => (typeof part === "string" ? part : String(variableValue(part.variable, values))))
    .join("");
}

/** A variable's value. @throws RangeError when it has none: a template without faults names only known ones. */
export function variableValue(variable: string, values: ReadonlyMap<string, Scalar>): Scalar {
  const value = values.get(variable);
  if (value === undefined) throw new RangeError(`variable ${variable} has no value`);
  return value;
}
