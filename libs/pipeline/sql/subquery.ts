import { tokenise } from "./lexer.ts";

/** A query's text as it may stand in parentheses, on lines of its own: without the semicolon that ends it. */
export function asSubquery(sql: string): string {
  const end = tokenise(sql, () => false).find(
    ({ kind, start }) => kind === "symbol" && sql.charAt(start) === ";",
  );
  return end === undefined ? sql : `${sql.slice(0, end.start)} ${sql.slice(end.end)}`;
}
