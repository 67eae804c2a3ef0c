import { lex } from "../sql/lex.ts";
import type { Dice } from "./random.ts";

const PIECES = [
  ..."( ) [ ] < > , . ; ' \" ` \\ -- /* */ # @p ? @@x ${ | |> :: => 🙂 0x 1e999 99999999999999999999 \u0000".split(
    " ",
  ),
  ..."NULL SELECT FROM WHERE AS GROUP BY UNNEST STRUCT ARRAY OVER WITH END BEGIN DISTINCT INTERVAL CAST".split(
    " ",
  ),
];

/** The tokens of a text; where it cannot be read as SQL, its words. */
function tokensOf(text: string): string[] {
  try {
    return lex(text).map(({ start, end }) => text.slice(start, end));
  } catch {
    return text.split(/\s+/);
  }
}

/** A statement with up to four tokens lost, repeated, moved, or put for another; `others` lend theirs. */
export function mutated(dice: Dice, text: string, others: readonly string[]): string {
  const tokens = tokensOf(text);
  for (const _ of dice.list(1, 4, () => 0)) {
    const at = dice.below(tokens.length + 1);
    const kinds: (() => unknown)[] = [
      () => tokens.splice(at, 1 + dice.below(3)),
      () => tokens.splice(at, 0, dice.pick(PIECES)),
      () => tokens.splice(at, 0, ...tokens.slice(at, at + 1 + dice.below(5))),
      () => tokens.splice(at, 1, dice.pick(tokensOf(dice.pick(others))) ?? ""),
      () => tokens.splice(at, 0, ...tokens.splice(dice.below(tokens.length + 1), 1)),
    ];
    dice.pick(kinds)();
    if (tokens.length === 0) return text.slice(0, dice.below(text.length));
  }
  const joined = tokens.join(" ");
  return dice.chance(0.05) ? joined.slice(0, dice.below(joined.length)) : joined;
}
