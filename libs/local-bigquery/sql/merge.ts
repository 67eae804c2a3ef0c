import { BigQueryError, invalidQuery, notImplemented } from "../errors.ts";
import { isObject, stringOr } from "../json.ts";
import type { TableView } from "./analysis.ts";
import { type Analysis, childScope, type Scope } from "./analysis.ts";
import { asList, asNode, type Node, nameOf, only, optional } from "./ast.ts";
import { forColumn } from "./coerce.ts";
import { assign, assignAll, columnNamed, type Dml, fillRow, insertColumns, targetOf } from "./dml.ts";
import { ident } from "./expr.ts";
import { lowerFrom } from "./from.ts";
import { boolean, type Context, lower } from "./lower-expr.ts";
import { isGroupable } from "./types.ts";

interface When {
  sql: string;
  kind: "MATCHED" | "NOT MATCHED" | "NOT MATCHED BY SOURCE";
  /** "TRUE" where it has none. */
  condition: string;
}

interface Sides {
  analysis: Analysis;
  table: TableView;
  both: Scope;
  target: Scope;
  source: Scope;
}

/** MERGE. DuckDB would change a target row twice where two source rows match it: `check` finds that first. */
export function lowerMerge(analysis: Analysis, node: Node): Dml {
  const body = only(node, "this", "using", "on", "whens");
  const into = asNode(body.this);
  const alias = into.kind === "alias" ? nameOf(only(into, "this", "alias").alias) : undefined;
  const target = targetOf(analysis, into.kind === "alias" ? asNode(into.body.this) : into, alias);
  const source: Scope = childScope(undefined);
  if (target.relation.filter) throw notImplemented("MERGE into a table with require_partition_filter");
  const using = lowerFrom(analysis, source, { expressions: [using0(body.using)] }, []);
  const targetScope: Scope = { ...childScope(undefined), relations: [target.relation] };
  const both: Scope = { ...childScope(undefined), relations: [target.relation, ...source.relations] };
  const sides: Sides = { analysis, table: target.table, both, target: targetScope, source };
  const on = boolean({ analysis, scope: both }, body.on, "MERGE ON condition");
  const whens = whenNodes(body.whens).map((when) => lowerWhen(sides, when));
  const bySource = whens.some((w) => w.kind === "NOT MATCHED BY SOURCE");
  const merge = `MERGE INTO ${target.table.duck} AS ${target.duck} USING ${using} ON ${on} ${whens.map((w) => w.sql).join(" ")}`;
  const sql = bySource ? merge : `${merge} RETURNING merge_action`;
  const dml: Dml = { kind: "dml", statementType: "MERGE", target: target.table, sql };
  const conditionsOf = (kind: When["kind"]): string[] =>
    whens.flatMap((w) => (w.kind === kind ? [w.condition] : []));
  if (bySource) {
    const inserts = conditionsOf("NOT MATCHED").join(" OR ") || "FALSE";
    dml.insertCount = `SELECT count(*) FROM ${using} WHERE (${inserts}) AND NOT EXISTS (SELECT 1 FROM ${target.table.duck} AS ${target.duck} WHERE ${on})`;
  }
  const matched = conditionsOf("MATCHED");
  if (matched.length === 0) return dml;
  const keys = sourceKeys(sides, body.on);
  if (keys.length > 0)
    dml.quickCheck = `SELECT 1 FROM ${using} GROUP BY ${keys.join(", ")} HAVING count(*) > 1 LIMIT 1`;
  dml.check = `SELECT 1 FROM ${target.table.duck} AS ${target.duck} JOIN ${using} ON ${on} WHERE ${matched.join(" OR ")} GROUP BY ${target.duck}.rowid HAVING count(*) > 1 LIMIT 1`;
  return dml;
}

/** The source's side of each "target expression = source expression" that ON asks for. */
function sourceKeys(sides: Sides, value: unknown): string[] {
  const node = asNode(value);
  if (node.kind === "paren") return sourceKeys(sides, node.body.this);
  if (node.kind === "and")
    return [...sourceKeys(sides, node.body.left), ...sourceKeys(sides, node.body.right)];
  if (node.kind !== "eq") return [];
  const { left, right } = node.body;
  if (lowersIn(sides, sides.target, left)) return lowersIn(sides, sides.source, right) ?? [];
  return lowersIn(sides, sides.target, right) ? (lowersIn(sides, sides.source, left) ?? []) : [];
}

/** The expression's SQL where it names that scope's columns alone. */
function lowersIn(sides: Sides, scope: Scope, value: unknown): [string] | undefined {
  try {
    const expr = lower({ analysis: sides.analysis, scope }, value);
    return isGroupable(expr.type) && expr.literal === undefined ? [expr.sql] : undefined;
  } catch (error) {
    if (error instanceof BigQueryError) return undefined;
    throw error;
  }
}

function using0(value: unknown): unknown {
  return isObject(value) ? value : null;
}

function whenNodes(value: unknown): Node[] {
  const whens = asNode(value);
  if (whens.kind !== "whens") throw notImplemented(whens.kind);
  return asList(only(whens, "expressions").expressions).map(asNode);
}

function lowerWhen(sides: Sides, node: Node): When {
  const body = only(node, "matched", "source", "condition", "then");
  const matched = isTrue(body.matched);
  const bySource = !matched && isTrue(body.source);
  const scope = matched ? sides.both : bySource ? sides.target : sides.source;
  const context: Context = { analysis: sides.analysis, scope };
  const condition = optional(body.condition, (v) => boolean(context, v, "MERGE condition"));
  const kind = matched ? "MATCHED" : bySource ? "NOT MATCHED BY SOURCE" : "NOT MATCHED";
  const head = `WHEN ${kind}${condition === undefined ? "" : ` AND ${condition}`} THEN`;
  const action = lowerAction(sides, context, asNode(body.then), matched || bySource);
  return { sql: `${head} ${action}`, kind, condition: condition ?? "TRUE" };
}

function isTrue(value: unknown): boolean {
  return isObject(value) && asNode(value).kind === "boolean" && asNode(value).body.value === true;
}

function lowerAction(sides: Sides, context: Context, then: Node, changes: boolean): string {
  const [word, first, second] =
    then.kind === "var" ? [then] : asList(only(then, "expressions").expressions).map(asNode);
  const verb = stringOr(word?.body.this, "").toUpperCase();
  if (verb === "DELETE" && changes) return "DELETE";
  if (verb === "UPDATE" && changes && first) return lowerMergeUpdate(sides, context, first);
  if (verb === "INSERT" && !changes && first) return lowerMergeInsert(sides, context, first, second);
  throw notImplemented(`MERGE action ${verb}`);
}

function lowerMergeUpdate({ table }: Sides, context: Context, list: Node): string {
  const sets = asList(only(list, "expressions").expressions).map((item) => {
    const pair = asNode(item);
    if (pair.kind !== "eq") throw notImplemented("this UPDATE SET item");
    const body = only(pair, "left", "right");
    const column = columnNamed(table, targetName(body.left), "");
    return `${ident(column.name)} = ${assign(context, column, body.right)}`;
  });
  return `UPDATE SET ${sets.join(", ")}`;
}

function targetName(value: unknown): string {
  const node = asNode(value);
  if (node.kind === "identifier") return nameOf(node.body);
  if (node.kind === "column") return nameOf(only(node, "name", "table").name);
  throw notImplemented("SET of a field in MERGE");
}

function lowerMergeInsert(sides: Sides, context: Context, first: Node, second: Node | undefined): string {
  const { table, source } = sides;
  if (first.kind === "var" && first.body.this === "ROW") {
    const values = source.relations.flatMap((r) => r.columns);
    if (values.length !== table.columns.length)
      throw invalidQuery(
        `Inserted row has wrong column count; Has ${values.length}, expected ${table.columns.length}`,
      );
    const given = new Map(
      table.columns.map((column, i) => {
        const value = values[i] ?? { sql: "NULL", type: column.type };
        return [
          column.name,
          forColumn(
            { sql: value.sql, type: value.type },
            column.type,
            column.name,
            () => `INSERT ROW cannot assign to column ${column.name}`,
          ),
        ];
      }),
    );
    const row = fillRow(table, given);
    return `INSERT (${row.columns}) VALUES (${row.values})`;
  }
  const columns = insertColumns(
    table,
    second ? asList(only(first, "expressions").expressions).map(identifierBody) : [],
  );
  const values = asList(only(second ?? first, "expressions").expressions);
  const row = fillRow(table, assignAll(context, columns, values));
  return `INSERT (${row.columns}) VALUES (${row.values})`;
}

function identifierBody(value: unknown): unknown {
  const node = asNode(value);
  return node.kind === "identifier" ? node.body : node.kind === "column" ? node.body.name : undefined;
}
