/**
 * Proof that a query stays within its tenant's dataset. Apart from the library's index, for the parser behind it
 * takes some 160 MB: only who runs queries loads it.
 */
import { type NamedTable, referencedTables } from "./tables.ts";

export { type NamedTable, referencedTables } from "./tables.ts";

/** The dataset whose tables a query may read. */
export interface OwnDataset {
  project: string;
  dataset: string;
}

/** One text for every refusal, so that it tells nothing of what exists elsewhere. */
export const ISOLATION_MESSAGE =
  "the query is refused: it may read only its tenant's own tables, in one SELECT, each named plainly " +
  "(no table function; of INFORMATION_SCHEMA only dataset.INFORMATION_SCHEMA.TABLES and the like; for an array column " +
  "write UNNEST(table.column))";

export type IsolationVerdict =
  | { ok: true; tables: NamedTable[] }
  | { ok: false; message: string; reason: string };

/**
 * Judges a query by its text alone, before BigQuery sees it. `message` is for the tenant, always the same; `reason`
 * says what in the text was refused, for logs and for the author of a template.
 */
export function checkIsolation(sql: string, own: OwnDataset): IsolationVerdict {
  const found = referencedTables(sql);
  if ("refused" in found) return refuse(found.refused);
  const foreign = found.tables.find((table) => !isOwn(table, own));
  if (foreign !== undefined) return refuse("it names a table outside the tenant's dataset");
  return { ok: true, tables: found.tables };
}

/** Judges the tables that a dry run says a query reads (views resolved). */
export function checkDryRun(
  tables: readonly { project: string; dataset: string; table: string }[],
  own: OwnDataset,
): IsolationVerdict {
  if (tables.every((table) => isOwn(table, own))) return { ok: true, tables: [...tables] };
  return refuse("by its dry run it reads a table outside the tenant's dataset");
}

function isOwn({ project, dataset }: NamedTable, own: OwnDataset): boolean {
  return (
    (project === undefined || project === own.project) && (dataset === undefined || dataset === own.dataset)
  );
}

function refuse(reason: string): IsolationVerdict {
  return { ok: false, message: ISOLATION_MESSAGE, reason };
}
