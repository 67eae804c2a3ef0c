import { invalidQuery, notImplemented } from "../../errors.ts";
import { constantText, lower } from "../lower-expr.ts";
import { call, sig } from "../signature.ts";
import type { FunctionCall, Special } from "./index.ts";

/** Capturing groups of a constant pattern: their number decides what REGEXP_EXTRACT gives. */
function groups({ context, args, name, where }: FunctionCall): number {
  const pattern = constantText(context, args[1]);
  if (pattern === undefined) throw notImplemented(`${name} with a pattern that is no string literal${where}`);
  const bare = pattern.replace(/\\Q.*?\\E|\\[\s\S]|\[\^?\]?(?:\[:\w+:\]|\\[\s\S]|[^\]])*\]/gs, "");
  const count = (bare.match(/\((?!\?)|\(\?P?<[A-Za-z_]/g) ?? []).length;
  if (count > 1) throw invalidQuery(`Regular expression must not have more than 1 capturing group${where}`);
  return count;
}

function twoStrings(
  found: FunctionCall,
  result: string,
  make: (s: string, p: string, group: number) => string,
): ReturnType<Special> {
  const { context, name, args, where } = found;
  const group = name === "REGEXP_CONTAINS" ? 0 : groups(found);
  const signature = sig("STRING, STRING", result, (s, p) => make(s, p, group));
  return call(
    name,
    [signature],
    args.map((arg) => lower(context, arg)),
    where,
  );
}

/** The pattern's first match, or its group: NULL, not '', where there is none. */
const extract = (s: string, p: string, group: number): string =>
  `CASE WHEN regexp_matches(${s}, ${p}) THEN regexp_extract(${s}, ${p}, ${group}) END`;

export const REGEXP_SPECIALS: Record<string, Special> = {
  REGEXP_CONTAINS: (found) => twoStrings(found, "BOOL", (s, p) => `regexp_matches(${s}, ${p})`),
  REGEXP_EXTRACT: (found) => twoStrings(found, "STRING", extract),
  REGEXP_SUBSTR: (found) => twoStrings(found, "STRING", extract),
  REGEXP_INSTR: (found) => {
    if (groups(found) > 0 || found.args.length !== 2)
      throw notImplemented(`REGEXP_INSTR with a group, position or occurrence${found.where}`);
    // The shortest text before a match ends where the first match begins.
    return twoStrings(
      found,
      "INT64",
      (s, p) =>
        `CASE WHEN NOT regexp_matches(${s}, ${p}) THEN 0 ELSE CAST(length(regexp_extract(${s}, concat('\\A((?s:.*?))(?:', ${p}, ')'), 1)) + 1 AS BIGINT) END`,
    );
  },
  REGEXP_EXTRACT_ALL: (found) =>
    twoStrings(found, "ARRAY<STRING>", (s, p, group) => `regexp_extract_all(${s}, ${p}, ${group})`),
  REGEXP_REPLACE: ({ context, name, args, where }) =>
    call(
      name,
      [sig("STRING, STRING, STRING", "STRING", (s, p, r) => `regexp_replace(${s}, ${p}, ${r}, 'g')`)],
      args.map((arg) => lower(context, arg)),
      where,
    ),
};
