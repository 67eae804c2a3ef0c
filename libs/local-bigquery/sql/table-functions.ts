import { invalidQuery, notImplemented } from "../errors.ts";
import { type Analysis, childScope, type Scope } from "./analysis.ts";
import { asNode, at, type Node, only } from "./ast.ts";
import { readCall } from "./functions/index.ts";
import { sessionize, type TableInput } from "./range-sessionize.ts";
import { bindArguments, expandTableFunction } from "./sql-functions.ts";

/** Lowers a FROM item that is a table or a query: given by from.ts, which lowers table functions' inputs with it. */
export type InputLowering = (analysis: Analysis, scope: Scope, node: Node) => TableInput;

/** A table function in FROM: a built-in one, or a stored one, whose query is put in its place. */
export function lowerTableFunction(
  analysis: Analysis,
  scope: Scope,
  node: Node,
  lowerInput: InputLowering,
): TableInput {
  const where = at(analysis.source, node.body);
  const { name, path, args } = readCall(node) ?? { name: node.kind, path: [], args: [] };
  const own = childScope(scope.parent, scope.ctes);
  const context = { analysis, scope: own };
  if (name === "RANGE_SESSIONIZE") {
    const [table, ...more] = args;
    return sessionize(context, lowerInput(analysis, own, tableArgument(table)), more, where);
  }
  if (path.length < 2) throw notImplemented(`table function ${name}${where}`);
  const routine = analysis.findRoutine(path);
  if (routine?.kind !== "TABLE FUNCTION")
    throw invalidQuery(`Table-valued function not found: ${path.join(".")}${where}`);
  const { sql, columns } = expandTableFunction(
    analysis,
    routine,
    bindArguments(context, routine, args, where),
  );
  return { sql, relation: { alias: null, columns } };
}

/** TABLE name, or a query in parentheses. */
function tableArgument(value: unknown): Node {
  const node = asNode(value);
  return node.kind === "table_argument" ? asNode(only(node, "this", "prefix").this) : node;
}
