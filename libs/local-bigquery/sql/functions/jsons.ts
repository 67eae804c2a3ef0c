import { invalidQuery, notImplemented } from "../../errors.ts";
import { asNode } from "../ast.ts";
import type { Expr } from "../expr.ts";
import { quote } from "../expr.ts";
import { place } from "../lex.ts";
import { jsonLiteral, tokenOf } from "../literals.ts";
import { type Context, constantText, lower } from "../lower-expr.ts";
import { type Signature, sig } from "../signature.ts";
import { arrayOf, JSON_TYPE, STRING, typeName } from "../types.ts";
import type { FunctionCall, Special } from "./index.ts";
import { toJson } from "./tojson.ts";

/** A GoogleSQL JSONPath ($.a.b[0]['c'].\"d\") as DuckDB's; without wildcards, which mean another thing there. */
export function duckPath(path: string): string | undefined {
  let rest = path;
  if (!rest.startsWith("$")) return undefined;
  rest = rest.slice(1);
  let made = "$";
  while (rest !== "") {
    const step = /^(?:\.([A-Za-z_][\w-]*)|\."([^"\\]*)"|\['([^'"\\]*)'\]|\["([^"\\]*)"\]|\[(\d+)\])/.exec(
      rest,
    );
    if (!step) return undefined;
    const key = step[1] ?? step[2] ?? step[3] ?? step[4];
    made += key === undefined ? `[${step[5]}]` : `."${key}"`;
    rest = rest.slice(step[0].length);
  }
  return made;
}

function pathArgument({ context, args, name, where }: FunctionCall): string {
  if (args[1] === undefined) return quote("$");
  const text = constantText(context, args[1]) ?? (isRoot(args[1]) ? "$" : undefined);
  if (text === undefined) throw notImplemented(`${name} with a path that is no string literal${where}`);
  const path = duckPath(text);
  if (path === undefined) throw notImplemented(`JSONPath ${JSON.stringify(text)} in ${name}${where}`);
  return quote(path);
}

/** The parser gives JSON_VALUE(x) the path '$' of itself. */
function isRoot(value: unknown): boolean {
  const node = asNode(value);
  return node.kind === "literal" && node.body.value === "$";
}

function document({ context, args, name, where }: FunctionCall): { sql: string; json: boolean } {
  const expr = lower(context, args[0]);
  if (expr.type.kind === "JSON") return { sql: expr.sql, json: true };
  if (expr.type.kind !== "STRING")
    throw invalidQuery(
      `No matching signature for function ${name} for argument types: ${typeName(expr.type)}${where}`,
    );
  // Text that is not JSON gives NULL, as in BigQuery.
  return { sql: `CASE WHEN json_valid(${expr.sql}) THEN ${expr.sql} END`, json: false };
}

const scalar: Special = (found) => {
  const { sql } = document(found);
  return { sql: `bq.json_scalar(${sql}, ${pathArgument(found)})`, type: STRING };
};

const query: Special = (found) => {
  const { sql, json } = document(found);
  const part = `CAST(json_extract(${sql}, ${pathArgument(found)}) AS VARCHAR)`;
  return json ? { sql: part, type: JSON_TYPE } : { sql: `NULLIF(${part}, 'null')`, type: STRING };
};

const queryArray: Special = (found) => {
  const { sql, json } = document(found);
  const path = pathArgument(found);
  const list = `list_transform(CAST(json_extract(${sql}, ${path}) AS JSON[]), lambda x: CAST(x AS VARCHAR))`;
  return {
    sql: `CASE WHEN json_type(${sql}, ${path}) = 'ARRAY' THEN ${list} END`,
    type: arrayOf(json ? JSON_TYPE : STRING),
  };
};

const valueArray: Special = (found) => {
  const { sql } = document(found);
  const path = pathArgument(found);
  const items = `CAST(json_extract(${sql}, ${path}) AS JSON[])`;
  const list = `list_transform(${items}, lambda x: bq.json_scalar(x, '$'))`;
  const nested = `len(list_filter(${items}, lambda x: json_type(x) IN ('OBJECT', 'ARRAY'))) > 0`;
  return {
    sql: `CASE WHEN json_type(${sql}, ${path}) <> 'ARRAY' OR ${nested} THEN NULL ELSE ${list} END`,
    type: arrayOf(STRING),
  };
};

/** PARSE_JSON, which is also what the parser makes of a JSON literal. */
const parse: Special = ({ context, args, where }) => {
  const node = asNode(args[0]);
  if (node.kind === "literal") {
    const token = tokenOf(context.analysis, node);
    return jsonLiteral(token, ` at ${place(context.analysis.source.text, token.start)}`);
  }
  const expr = lower(context, args[0]);
  if (expr.type.kind !== "STRING")
    throw invalidQuery(
      `No matching signature for function PARSE_JSON for argument types: ${typeName(expr.type)}${where}`,
    );
  return {
    sql: `CASE WHEN json_valid(${expr.sql}) THEN bq_canonical_json(${expr.sql}) WHEN ${expr.sql} IS NOT NULL THEN bq.raise('syntax error while parsing JSON') END`,
    type: JSON_TYPE,
  };
};

const toText =
  (type: Expr["type"]): Special =>
  ({ context, args, name, where }) => {
    if (args.length !== 1) throw notImplemented(`${name} with options${where}`);
    const expr = lower(context, args[0]);
    return { sql: toJson(expr.sql, expr.type), type };
  };

/** One argument as JSON text: JSON itself, or what TO_JSON makes of it. */
function jsonOf(found: FunctionCall, value: unknown): string {
  const expr = lower(found.context, value);
  return `COALESCE(${toJson(expr.sql, expr.type)}, 'null')`;
}

const array: Special = (found) => {
  const items = found.args.map((arg) => jsonOf(found, arg));
  return { sql: `bq_canonical_json(concat('[', ${items.join(", ',', ") || "''"}, ']'))`, type: JSON_TYPE };
};

/** JSON_SET and its like: (json, path, value) once; several pairs are one after the other. */
function edit(duck: string, valued: boolean): Special {
  return (found) => {
    const { context, args, name, where } = found;
    const target = lower(context, args[0]);
    const step = valued ? 2 : 1;
    if (target.type.kind !== "JSON" || args.length < 1 + step || (args.length - 1) % step !== 0)
      throw notImplemented(`${name} with these arguments${where}`);
    let sql = target.sql;
    for (let i = 1; i < args.length; i += step) {
      const path = pathArgument({ ...found, args: [args[0], args[i]] });
      sql = `${duck}(${[sql, path, ...(valued ? [jsonOf(found, args[i + 1])] : [])].join(", ")})`;
    }
    return { sql, type: JSON_TYPE };
  };
}

const compact = (context: Context, value: unknown): Expr => lower(context, value);

export const JSON_SPECIALS: Record<string, Special> = {
  JSON_VALUE: scalar,
  JSON_EXTRACT_SCALAR: scalar,
  JSON_QUERY: query,
  JSON_EXTRACT: query,
  JSON_QUERY_ARRAY: queryArray,
  JSON_EXTRACT_ARRAY: queryArray,
  JSON_VALUE_ARRAY: valueArray,
  JSON_EXTRACT_STRING_ARRAY: valueArray,
  PARSE_JSON: parse,
  JSON_ARRAY: array,
  JSON_SET: edit("bq_json_set", true),
  JSON_REMOVE: edit("bq_json_remove", false),
  JSON_ARRAY_INSERT: edit("bq_json_insert", true),
  JSON_ARRAY_APPEND: edit("bq_json_append", true),
  TO_JSON_STRING: toText(STRING),
  TO_JSON: (found) => {
    if (found.args.length !== 1) throw notImplemented(`TO_JSON with options${found.where}`);
    const expr = compact(found.context, found.args[0]);
    return { sql: `bq_canonical_json(${toJson(expr.sql, expr.type)})`, type: JSON_TYPE };
  },
};

const strict = (kind: string, duck: string, fits: string): Signature[] => [
  sig(
    "JSON",
    kind,
    (j) =>
      `CASE WHEN ${j} IS NULL THEN NULL WHEN json_type(${j}) IN (${fits}) THEN CAST(json_extract_string(${j}, '$') AS ${duck})
      ELSE bq.raise('The provided JSON input is not ${kind === "BOOL" ? "a boolean" : kind === "STRING" ? "a string" : "a number"}') END`,
  ),
];

export const JSON_FUNCTIONS: Record<string, Signature[]> = {
  INT64: strict("INT64", "BIGINT", "'BIGINT', 'UBIGINT'"),
  FLOAT64: strict("FLOAT64", "DOUBLE", "'BIGINT', 'UBIGINT', 'DOUBLE'"),
  BOOL: strict("BOOL", "BOOLEAN", "'BOOLEAN'"),
  JSON_KEYS: [sig("JSON", "ARRAY<STRING>", (j) => `CAST(CAST(bq_json_keys(${j}) AS JSON) AS VARCHAR[])`)],
  JSON_STRIP_NULLS: [sig("JSON", "JSON", (j) => `bq_json_strip_nulls(${j})`)],
  LAX_BOOL: [
    sig(
      "JSON",
      "BOOL",
      (j) =>
        `CASE json_type(${j}) WHEN 'BOOLEAN' THEN ${j} = 'true' WHEN 'VARCHAR'
        THEN CASE lower(json_extract_string(${j}, '$')) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END
        WHEN 'BIGINT' THEN CAST(${j} AS DOUBLE) <> 0 WHEN 'UBIGINT' THEN CAST(${j} AS DOUBLE) <> 0 WHEN 'DOUBLE' THEN CAST(${j} AS DOUBLE) <> 0 END`,
    ),
  ],
  JSON_TYPE: [
    sig(
      "JSON",
      "STRING",
      (j) =>
        `CASE json_type(${j}) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string'
        WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' ELSE CASE WHEN ${j} IS NOT NULL THEN 'number' END END`,
    ),
  ],
};
