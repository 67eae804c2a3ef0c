import { notImplemented } from "../errors.ts";
import { type Analysis, childScope, type Scope } from "./analysis.ts";
import { asNode, at, type Node, only } from "./ast.ts";
import { readCall } from "./functions/index.ts";
import { sessionize, type TableInput } from "./range-sessionize.ts";

/** Lowers a FROM item that is a table or a query: given by from.ts, which lowers table functions' inputs with it. */
export type InputLowering = (analysis: Analysis, scope: Scope, node: Node) => TableInput;

/** A table function in FROM. */
export function lowerTableFunction(
  analysis: Analysis,
  scope: Scope,
  node: Node,
  lowerInput: InputLowering,
): TableInput {
  const where = at(analysis.source, node.body);
  const { name, args } = readCall(node) ?? { name: node.kind, args: [] };
  if (name !== "RANGE_SESSIONIZE") throw notImplemented(`table function ${name}${where}`);
  const [table, ...more] = args;
  const own = childScope(scope.parent, scope.ctes);
  return sessionize({ analysis, scope: own }, lowerInput(analysis, own, tableArgument(table)), more, where);
}

/** TABLE name, or a query in parentheses. */
function tableArgument(value: unknown): Node {
  const node = asNode(value);
  return node.kind === "table_argument" ? asNode(only(node, "this", "prefix").this) : node;
}
