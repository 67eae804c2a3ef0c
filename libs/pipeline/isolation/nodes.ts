/** What the parser's nodes mean for isolation. They are plain JSON: `{ kind: { ...fields } }`. */

export type Node = Readonly<Record<string, unknown>>;

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Node kinds that hide text from the walk, or read what is no table of the query's own. */
const RULED_OUT: Readonly<Record<string, string>> = {
  raw: "a part of it was not understood",
  command: "a part of it was not understood",
  heredoc: "a part of it was not understood",
  table_argument: "it hands a table or a model to a function",
  stage_reference: "it reads what is no table",
  pipe_operator: "it is in pipe syntax",
  lateral_view: "it reads what is no table",
};

/** Why a query with this node is refused; null when nothing is against it. */
export function ruledOut(node: Node): string | null {
  for (const [kind, why] of Object.entries(RULED_OUT)) {
    if (isNode(node[kind])) return why;
  }
  if (isNode(node.into)) return "it writes";
  return isNode(node.identifier_func) ? "it computes a table's name" : null;
}

/** What may stand in FROM and JOIN. Functions may not: they read tables of their own. */
const SOURCES = ["table", "subquery", "joined_table", "unnest", "pivot", "unpivot", "paren"];

/** Whether all that stands in the node's FROM, JOIN or PIVOT is a table, a subquery or an UNNEST. */
export function readsTablesOnly(node: Node): boolean {
  const from = isNode(node.from) && Array.isArray(node.from.expressions) ? node.from.expressions : [];
  const joins = Array.isArray(node.joins) ? node.joins.map((join) => (isNode(join) ? join.this : join)) : [];
  const joined = isNode(node.joined_table) ? [node.joined_table.left] : [];
  const turned = [node.pivot, node.unpivot].flatMap((turn) =>
    isNode(turn) && isSource(turn.this) ? [turn.this] : [],
  );
  return [...from, ...joins, ...joined, ...turned].every(allowedSource);
}

function isSource(value: unknown): boolean {
  return isNode(value) && !isNode(value.null);
}

function allowedSource(source: unknown): boolean {
  if (!isNode(source)) return false;
  if (isNode(source.alias)) return isNode(source.alias.this) && "unnest" in source.alias.this;
  return SOURCES.some((kind) => kind in source);
}

/** The path of a table node, its parts joined by dots; null for any other node. */
export function tableRef(node: Node): string | null {
  if (!("schema" in node && "catalog" in node && isNode(node.name))) return null;
  const parts = [node.catalog, node.schema, node.name].flatMap((part) =>
    isNode(part) ? [String(part.name)] : [],
  );
  return parts.join(".");
}
