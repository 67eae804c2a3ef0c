import { legacyName } from "../catalog/names.ts";
import { invalidQuery } from "../errors.ts";
import type { Analysis, TableView, ViewDefinition } from "./analysis.ts";
import { parseStatement } from "./ast.ts";
import { ident } from "./expr.ts";
import { lowerQuery } from "./query.ts";
import { makeSource, statementsOf } from "./source.ts";
import { sameType } from "./types.ts";

/** As deep as the service lets views stand on views. */
const DEEPEST = 16;

/**
 * The query of a view, lowered in place of its table: its columns by the names they have in the view. It sees nothing of
 * the statement around it but the time.
 */
export function expandView(analysis: Analysis, table: TableView, view: ViewDefinition): string {
  if (analysis.views.length >= DEEPEST)
    throw invalidQuery(`Views are nested more than ${DEEPEST} deep: ${table.name.table}`);
  const [tokens = []] = statementsOf(view.sql);
  const source = makeSource(view.sql, tokens);
  const inner: Analysis = {
    ...analysis,
    source,
    findTable: view.findTable,
    findRoutine: view.findRoutine,
    params: new Map(),
    functions: new Map(),
    views: [...analysis.views, table.duck],
  };
  const node = parseStatement(source);
  const query = lowerQuery(inner, { [node.kind]: node.body }, undefined);
  analysis.counter = inner.counter;
  const columns = table.columns;
  if (
    query.columns.length !== columns.length ||
    !query.columns.every((c, i) => sameType(c.type, columns[i]?.type ?? c.type))
  )
    throw invalidQuery(
      `View ${legacyName(table.name)} no longer has the columns that it was made with; make it anew`,
    );
  const list = query.columns.map((c, i) => `${c.sql} AS ${ident(columns[i]?.name ?? "")}`);
  return `(SELECT ${list.join(", ")} FROM (${query.sql}))`;
}
