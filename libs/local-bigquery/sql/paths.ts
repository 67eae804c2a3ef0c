import { invalidQuery } from "../errors.ts";
import {
  type Analysis,
  columnOf,
  fieldIndex,
  findColumn,
  findRelation,
  parameter,
  type Relation,
  type Scope,
  variableKey,
} from "./analysis.ts";
import { at } from "./ast.ts";
import { type Expr, field, pack, quote } from "./expr.ts";
import { JSON_TYPE, structOf, typeName } from "./types.ts";

/** A name of one or more parts: a column, a FROM item, a field within either. Throws "Unrecognized name". */
export function lowerPath(analysis: Analysis, scope: Scope, names: string[], node: unknown): Expr {
  const [first, second, ...rest] = names;
  const where = at(analysis.source, node);
  if (first === undefined) throw invalidQuery(`Syntax error: Expected a name${where}`);
  if (second !== undefined) {
    const relation = findRelation(scope, first);
    const column = relation && columnOf(relation, second);
    if (column) return fields({ ...column, name: second, where }, rest, where);
    if (relation && !relation.value && !findColumn(scope, first))
      throw invalidQuery(`Name ${second} not found inside ${first}${where}`);
  }
  const column = findColumn(scope, first);
  if (column) return fields({ ...column, name: first, where }, names.slice(1), where);
  const relation = findRelation(scope, first);
  if (relation) return fields({ ...rowOf(relation), name: first, where }, names.slice(1), where);
  const variable = scriptVariable(analysis, first, node);
  if (variable) return fields({ ...variable, name: first, where }, names.slice(1), where);
  throw invalidQuery(`Unrecognized name: ${names.join(".")}${where}`);
}

/** A variable that the script declared: columns of the same name hide it. Not coerced as a query parameter is. */
function scriptVariable(analysis: Analysis, name: string, node: unknown): Expr | undefined {
  const key = variableKey(name);
  if (!analysis.params.has(key)) return undefined;
  const { sql, type } = parameter(analysis, key, node);
  return { sql, type };
}

/** A FROM item used as a value: the UNNEST element, or the whole row as a STRUCT. */
export function rowOf(relation: Relation): Expr {
  if (relation.value) return relation.value;
  const columns = relation.columns.filter((c) => !c.pseudo);
  const type = structOf(columns.map((c) => ({ name: c.name, type: c.type })));
  return { sql: pack(columns.map((c) => c.sql)), type };
}

function fields(expr: Expr, names: string[], where: string): Expr {
  return names.reduce((inner, name) => lowerField(inner, name, where), expr);
}

/** Field access: of a STRUCT, or of a JSON object. */
export function lowerField(expr: Expr, name: string, where: string): Expr {
  if (expr.type.kind === "JSON") {
    const path = quote(`$."${name.replaceAll('"', "")}"`);
    return { sql: `CAST(json_extract(${expr.sql}, ${path}) AS VARCHAR)`, type: JSON_TYPE, name, where };
  }
  if (expr.type.kind !== "STRUCT")
    throw invalidQuery(`Cannot access field ${name} on a value with type ${typeName(expr.type)}${where}`);
  const index = fieldIndex(expr.type, name);
  const found = expr.type.fields[index];
  if (found === undefined)
    throw invalidQuery(`Field name ${name} does not exist in ${typeName(expr.type)}${where}`);
  return { sql: field(expr.sql, index), type: found.type, name, where };
}
