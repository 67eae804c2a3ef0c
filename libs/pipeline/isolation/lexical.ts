/**
 * The second reading of a query, by its tokens: nothing that could name a table may be missing from the parser's
 * tree. A foreign table needs a dotted path, within backticks or without, so each of them has to be accounted for.
 */
import { type Token, tokenise } from "../sql/lexer.ts";

/** Functions of GoogleSQL itself whose names have a dot. Any other dotted function is someone's, and may read tables. */
const BUILT_IN: ReadonlyMap<string, RegExp> = new Map([
  ["safe", /^[a-z_][a-z0-9_]*$/],
  [
    "net",
    /^(host|ip_from_string|safe_ip_from_string|ip_net_mask|ip_to_string|ip_trunc|ipv4_from_int64|ipv4_to_int64|public_suffix|reg_domain)$/,
  ],
  ["hll_count", /^(init|merge|merge_partial|extract)$/],
  ["kll_quantiles", /^(init|merge|merge_partial|merge_point|extract|extract_point)_?(int64|float64)?$/],
]);
/** Functions that read from elsewhere, by name. */
const READS_ELSEWHERE = /^(external_query|external_object_transform)$/i;

/** What the parser found: the places of its identifiers, in code points, and the number of its SELECTs. */
export interface ParsersView {
  spans: readonly { start: number; end: number }[];
  selects: number;
}

/** Why the text and the parser's tree do not agree; null when they do. */
export function checkLexically(sql: string, seen: ParsersView): string | null {
  const tokens = tokenise(sql, () => false).filter(({ kind }) => kind !== "space");
  if (tokens.some(({ unclosed }) => unclosed !== null)) return "a literal or comment in it has no end";
  const words = tokens.map((token) => sql.slice(token.start, token.end));
  if (tokens.some(({ kind }, i) => kind === "comment" && /^#\s*legacysql/i.test(words[i] ?? ""))) {
    return "it is in legacy SQL";
  }
  const code = tokens.filter(({ kind }) => kind !== "comment");
  const reading = new Reading(sql, code);
  return reading.refusal(seen);
}

class Reading {
  readonly #code: readonly Token[];
  readonly #texts: readonly string[];
  readonly #codePoints: (offset: number) => number;

  constructor(sql: string, code: readonly Token[]) {
    this.#code = code;
    this.#texts = code.map((token) => sql.slice(token.start, token.end));
    this.#codePoints = codePointsBefore(sql);
  }

  refusal(seen: ParsersView): string | null {
    if (!/^(select|with|\()$/i.test(this.#texts[0] ?? "")) return "it is not a SELECT";
    const selects = this.#texts.filter((text) => text.toLowerCase() === "select").length;
    if (selects !== seen.selects) return "a part of it was not understood";
    for (const i of this.#code.keys()) {
      const why = this.#refuseToken(i, seen);
      if (why !== null) return why;
    }
    return null;
  }

  #refuseToken(i: number, seen: ParsersView): string | null {
    const token = this.#code[i];
    const text = this.#texts[i] ?? "";
    if (token === undefined || (token.kind !== "word" && token.kind !== "name")) return null;
    const called = this.#texts[i + 1] === "(";
    if (called && READS_ELSEWHERE.test(text)) return "it reads from elsewhere";
    const dotted = this.#texts[i - 1] === ".";
    if (called && dotted)
      return this.#isBuiltIn(i) ? null : "it calls a function that is not GoogleSQL's own";
    const beforeDot = this.#texts[i + 1] === ".";
    if (token.kind === "word" && !dotted && !beforeDot) return null;
    if (beforeDot && !dotted && this.#texts[i + 3] === "(" && this.#isBuiltIn(i + 2)) return null;
    return this.#isCovered(token, seen) ? null : "a part of it was not understood";
  }

  /** Whether the call at `i` is namespace.function of GoogleSQL, both written plainly. */
  #isBuiltIn(i: number): boolean {
    if (this.#texts[i - 3] === ".") return false;
    const functions = BUILT_IN.get((this.#texts[i - 2] ?? "").toLowerCase());
    return functions?.test((this.#texts[i] ?? "").toLowerCase()) ?? false;
  }

  #isCovered(token: Token, { spans }: ParsersView): boolean {
    const start = this.#codePoints(token.start);
    const end = this.#codePoints(token.end);
    return spans.some((span) => span.start <= start && end <= span.end);
  }
}

/** Maps offsets in UTF-16 units to code points, which is what the parser counts in. */
function codePointsBefore(sql: string): (offset: number) => number {
  const astral: number[] = [];
  for (let at = 0; at < sql.length; at++) {
    if ((sql.codePointAt(at) ?? 0) > 0xffff) astral.push(at++);
  }
  return (offset) => offset - astral.filter((at) => at < offset).length;
}
