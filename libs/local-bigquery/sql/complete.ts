import { notImplemented } from "../errors.ts";
import { isObject } from "../json.ts";
import { place } from "./lex.ts";
import type { Source } from "./source.ts";

/** Words that the parser turns into structure, so that they need not be found in its tree. */
const KEYWORDS = new Set(
  `ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BOOL BOOLEAN BY BYTES CASE CAST COLLATE CROSS CUBE CURRENT
  DATE DATETIME DECIMAL DEFAULT DELETE DESC DISTINCT ELSE END ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FIRST
  FLOAT64 FOLLOWING FOR FROM FULL GROUP GROUPING HAVING IF IGNORE IN INNER INSERT INT64 INTERSECT INTERVAL INTO IS JOIN
  JSON LAST LATERAL LEFT LIKE LIMIT LOOKUP MATCHED MAX MERGE MIN NATURAL NOT NULL NULLS NUMERIC OFFSET ON OR ORDER
  ORDINAL OUTER OVER PARTITION PRECEDING QUALIFY RANGE RECURSIVE REPLACE RESPECT RIGHT ROLLUP ROW ROWS SAFE SAFE_CAST
  SELECT SET SETS SOME SOURCE STRING STRUCT TABLE TARGET THEN TIME TIMESTAMP TO TRUE UNBOUNDED UNION UNNEST UPDATE USING
  VALUE VALUES WHEN WHERE WINDOW WITH WITHIN YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND MICROSECOND
  ISOWEEK ISOYEAR DAYOFWEEK DAYOFYEAR ZONE INT INTEGER BIGINT BIGDECIMAL BIGNUMERIC`.split(/\s+/),
);

/**
 * Refuses a statement of which the parser left something out: it drops clauses that it does not know in places.
 * Every name, literal and parameter of the text must be found somewhere in the tree.
 */
export function checkComplete(source: Source, tree: unknown): void {
  const found = new Set<string>();
  const ordinalities = collect(tree, found);
  let literal = 0;
  let offsets = 0;
  for (const [i, token] of source.tokens.entries()) {
    const next = source.tokens[i + 1];
    const where = place(source.text, token.start);
    if (token.kind === "string" || token.kind === "bytes") {
      if (!found.has(`#${literal++}`)) throw notImplemented(`what the literal at ${where} belongs to`);
      continue;
    }
    const isCall = next?.text === "(" || next?.text === "<";
    const word = token.text.toUpperCase();
    if (token.kind === "word" && word === "WITH" && next?.text.toUpperCase() === "OFFSET") offsets++;
    if (token.kind === "punct" || (token.kind === "word" && (isCall || KEYWORDS.has(word)))) continue;
    if (!isFound(found, token.kind === "param" ? `@${token.value}` : token.value))
      throw notImplemented(`what ${token.text} at ${where} belongs to`);
  }
  if (offsets !== ordinalities)
    throw notImplemented("WITH OFFSET after an array path: write UNNEST(path) WITH OFFSET");
}

function isFound(found: Set<string>, text: string): boolean {
  const lower = text.toLowerCase();
  return (
    found.has(lower) ||
    found.has(lower.replace(/^0x/, "")) ||
    lower.split(".").every((part) => found.has(part))
  );
}

/** Gathers the tree's texts, in lower case, and their dotted parts; gives the number of WITH OFFSET in it. */
function collect(value: unknown, found: Set<string>): number {
  if (typeof value === "string") {
    const lower = value.toLowerCase();
    found.add(lower);
    for (const part of lower.split(/[.\s]+/)) found.add(part);
    return 0;
  }
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + collect(item, found), 0);
  if (!isObject(value)) return 0;
  let ordinalities = value.with_ordinality === true ? 1 : 0;
  for (const part of Object.values(value)) ordinalities += collect(part, found);
  return ordinalities;
}
