import { BigQueryError, invalidQuery, notImplemented } from "../errors.ts";
import { isObject } from "../json.ts";
import { type Analysis, childScope, type Scope } from "./analysis.ts";
import { asList, asNode } from "./ast.ts";
import { lower } from "./lower-expr.ts";

const COMPARISONS = new Set(["eq", "lt", "lte", "gt", "gte"]);

/**
 * A table with require_partition_filter is only read with a filter on the column that it is partitioned by. Refused
 * as by the service where the column is not named at all; by this endpoint where it is, in a way that is not plainly
 * such a filter. `where` is the tree of the condition, `sql` all that was lowered beside it.
 */
export function checkPartitionFilter(analysis: Analysis, scope: Scope, where: unknown, sql: string): void {
  for (const relation of scope.relations) {
    const { filter } = relation;
    if (!filter || conjuncts(where).some((part) => isFilter(analysis, scope, part, filter.sql))) continue;
    if (sql.includes(filter.sql))
      throw notImplemented(
        `a filter on ${filter.column} that is no comparison with a constant, where one is required`,
      );
    throw invalidQuery(
      `Cannot query over table '${filter.table}' without a filter over column(s) '${filter.column}' that can be used for partition elimination`,
    );
  }
}

/** What a condition's ANDs join. */
function conjuncts(value: unknown): unknown[] {
  if (!isObject(value)) return [];
  const node = asNode(value);
  if (node.kind === "paren") return conjuncts(node.body.this);
  return node.kind === "and" ? [...conjuncts(node.body.left), ...conjuncts(node.body.right)] : [value];
}

function isFilter(analysis: Analysis, scope: Scope, value: unknown, column: string): boolean {
  const { kind, body } = asNode(value);
  const own = (part: unknown): boolean => lowered(analysis, scope, part) === column;
  const constant = (part: unknown): boolean => lowered(analysis, childScope(undefined), part) !== undefined;
  if (COMPARISONS.has(kind))
    return (own(body.left) && constant(body.right)) || (own(body.right) && constant(body.left));
  if (kind === "between")
    return body.not !== true && own(body.this) && constant(body.low) && constant(body.high);
  const list = asList(body.expressions);
  return kind === "in" && body.not !== true && own(body.this) && list.length > 0 && list.every(constant);
}

/** The expression's SQL, or undefined where it cannot be lowered with these names. */
function lowered(analysis: Analysis, scope: Scope, value: unknown): string | undefined {
  try {
    return lower({ analysis, scope }, value).sql;
  } catch (error) {
    if (error instanceof BigQueryError) return undefined;
    throw error;
  }
}
