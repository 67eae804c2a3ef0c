/**
 * Which tables a query reads, by a walk over its syntax tree. The rule is to refuse whatever could hide a table:
 * a parser that drops or misreads a piece of the text must not let it through. So the text is read twice, by the
 * parser and by our own lexer (lexical.ts), and both have to agree.
 */
import { Dialect, parse } from "@polyglot-sql/sdk";
import { checkLexically } from "./lexical.ts";
import { isNode, type Node, readsTablesOnly, ruledOut, tableRef } from "./nodes.ts";

/** A table as a query names it. */
export interface NamedTable {
  project?: string;
  dataset?: string;
  table: string;
}

const QUERIES = ["select", "union", "intersect", "except", "subquery", "paren"];
/** Names that reach no further than they say: no decorator, no escape. */
const PLAIN = /^[A-Za-z0-9_-]+$/;
/** `events_*` reaches all tables of one dataset whose names begin so: no further than its dataset. */
const TABLE = /^[A-Za-z0-9_-]*\*?$/;
/**
 * INFORMATION_SCHEMA's views that tell of one dataset, where the dataset is named before them. Of a project or a region,
 * or without a dataset, they tell of others.
 */
const VIEWS_OF_A_DATASET =
  /^(TABLES|COLUMNS|COLUMN_FIELD_PATHS|PARTITIONS|TABLE_OPTIONS|TABLE_CONSTRAINTS|KEY_COLUMN_USAGE|VIEWS|MATERIALIZED_VIEWS|ROUTINES|ROUTINE_OPTIONS|PARAMETERS)$/i;

/** Lists the tables that a query names, or says why they cannot be told. Names of the query's own are no tables. */
export function referencedTables(sql: string): { tables: NamedTable[] } | { refused: string } {
  const parsed = parseQuery(sql);
  if ("refused" in parsed) return parsed;
  const walk = new TableWalk();
  walk.visit(parsed.root, new Set());
  const refused = walk.refused ?? checkLexically(sql, walk);
  return refused === null ? { tables: [...walk.tables.values()] } : { refused };
}

function parseQuery(sql: string): { root: Node } | { refused: string } {
  const result = parse(sql, Dialect.BigQuery);
  if (!result.success) return { refused: `it cannot be read: ${result.error ?? "syntax error"}` };
  const statements: unknown = result.ast;
  const [root, more] = Array.isArray(statements) ? statements : [];
  if (!isNode(root) || more !== undefined) return { refused: "it is not one statement" };
  if (!QUERIES.some((kind) => kind in root)) return { refused: "it is not a SELECT" };
  return { root };
}

/** The query names in scope: WITH ... AS. Lower case, for they are told apart without regard to case. */
type QueryNames = ReadonlySet<string>;

class TableWalk {
  readonly tables = new Map<string, NamedTable>();
  /** Where identifiers stand in the text, in Unicode code points. */
  readonly spans: { start: number; end: number }[] = [];
  selects = 0;
  refused: string | null = null;

  visit(value: unknown, names: QueryNames): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, names);
    } else if (isNode(value)) this.#visitNode(value, names);
  }

  #visitNode(node: Node, outer: QueryNames): void {
    this.refused ??= ruledOut(node);
    if ("select" in node) this.selects++;
    if (!readsTablesOnly(node)) this.refused ??= "it reads what is no table";
    this.#keepSpan(node);
    const parts = tableRef(node);
    if (parts !== null) this.#keepTable(parts, outer);
    const names = this.#withNames(node, outer);
    for (const [key, child] of Object.entries(node)) if (key !== "with") this.visit(child, names);
  }

  /** Visits a WITH clause; what follows it sees all its names, each of its queries those before it. */
  #withNames(node: Node, outer: QueryNames): QueryNames {
    const clause = node.with;
    if (!isNode(clause) || !Array.isArray(clause.ctes)) return outer;
    const names = new Set(outer);
    const nameOf = (cte: unknown) =>
      isNode(cte) && isNode(cte.alias) ? String(cte.alias.name).toLowerCase() : "";
    if (clause.recursive === true) for (const cte of clause.ctes) names.add(nameOf(cte));
    for (const cte of clause.ctes) {
      this.visit(cte, new Set(names));
      names.add(nameOf(cte));
    }
    return names;
  }

  #keepTable(path: string, names: QueryNames): void {
    const named = namedTable(path);
    if (named === null) this.refused ??= `"${path}" is not a plain table name`;
    else if (named.dataset !== undefined || !names.has(named.table.toLowerCase()))
      this.tables.set(path, named);
  }

  #keepSpan(node: Node): void {
    const span = node.span;
    if (!isNode(span) || typeof span.start !== "number" || typeof span.end !== "number") return;
    this.spans.push({ start: span.start, end: span.end });
  }
}

/** A path as BigQuery reads it; null where that is not sure. */
function namedTable(path: string): NamedTable | null {
  const parts = path.split(".");
  const last = parts.pop() ?? "";
  const isView = parts.at(-1)?.toUpperCase() === "INFORMATION_SCHEMA";
  if (isView) parts.pop();
  const [dataset, project, ...more] = parts.reverse();
  const known = isView ? dataset !== undefined && VIEWS_OF_A_DATASET.test(last) : TABLE.test(last);
  if (!known || last === "" || more.length > 0 || !parts.every((part) => PLAIN.test(part))) return null;
  return {
    ...(project === undefined ? {} : { project }),
    ...(dataset === undefined ? {} : { dataset }),
    table: isView ? `INFORMATION_SCHEMA.${last}` : last,
  };
}
