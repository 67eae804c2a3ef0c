import { invalidQuery, notImplemented } from "../errors.ts";
import { isObject, stringOr } from "../json.ts";
import { asList, at, type Node, only } from "./ast.ts";
import { coerce, coercible } from "./coerce.ts";
import { type Expr, field, nullOf, pack } from "./expr.ts";
import { type Context, lower } from "./lower-expr.ts";
import { normaliseTemporal } from "./temporal.ts";
import {
  arrayOf,
  duckType,
  type RangeType,
  rangeNamed,
  sameType,
  scalarNamed,
  structOf,
  type Type,
  typeName,
} from "./types.ts";

/** Reads the parser's type tree. Parameterised types (STRING(10), NUMERIC(10, 2)) are refused. */
export function readType(value: unknown): Type {
  if (!isObject(value)) throw notImplemented("this type");
  const kind = stringOr(value.data_type, "");
  if (kind === "array") return arrayOf(readType(value.element_type));
  if (kind === "struct") return structOf(asList(value.fields).map(readField));
  const name = kind === "custom" ? stringOr(value.name, "") : (SPELLINGS[kind] ?? kind);
  const limited = [value.precision, value.scale, value.length].some((part) => typeof part === "number");
  if (limited) throw notImplemented(`a parameterised type (${name})`);
  const type = scalarNamed(name) ?? rangeNamed(name);
  if (type === undefined) throw notImplemented(`type ${name.toUpperCase()}`);
  return type;
}

const SPELLINGS: Record<string, string> = {
  text: "STRING",
  big_int: "INT64",
  small_int: "INT64",
  tiny_int: "INT64",
};

function readField(value: unknown): { name: string | null; type: Type } {
  if (!isObject(value)) throw notImplemented("this STRUCT field");
  const name = stringOr(value.name, "");
  return { name: name === "" ? null : name.replace(/^[`"](.*)[`"]$/, "$1"), type: readType(value.data_type) };
}

export function lowerCast(context: Context, node: Node, safe: boolean): Expr {
  const body = only(node, "this", "to");
  const value = lower(context, body.this);
  const to = readType(body.to);
  const where = at(context.analysis.source, node.body);
  const made = castTo(value, to, where, safe);
  return { ...made, type: to, where };
}

/** CAST(value AS to); `safe` gives NULL instead of an error. */
export function castTo(value: Expr, to: Type, where: string, safe: boolean): Expr {
  if (value.literal === "null") return { sql: nullOf(to).sql, type: to };
  if (value.literal === "array" || value.literal === "struct") {
    if (coercible(value, to)) return coerce(value, to);
  }
  if (value.literal === "string" && !safe) checkLiteral(value, to, where);
  const sql = castSql(value.sql, value.type, to, where);
  return { sql: safe && sql !== value.sql ? `TRY(${sql})` : sql, type: to };
}

function checkLiteral(value: Expr, to: Type, where: string): void {
  const kind = to.kind;
  if (kind !== "DATE" && kind !== "DATETIME" && kind !== "TIME" && kind !== "TIMESTAMP") return;
  if (normaliseTemporal(kind, value.text ?? "") === undefined)
    throw invalidQuery(
      `Could not cast literal ${JSON.stringify(value.text)} to type ${kind}${value.where ?? where}`,
    );
}

/** How each pair of scalar types is cast; pairs that are not here are refused, as GoogleSQL does. */
const CASTS: Record<string, (sql: string) => string> = {
  "INT64>FLOAT64": (x) => `CAST(${x} AS DOUBLE)`,
  "INT64>NUMERIC": (x) => `CAST(${x} AS DECIMAL(38,9))`,
  "INT64>BOOL": (x) => `(${x} <> 0)`,
  "INT64>STRING": (x) => `CAST(${x} AS VARCHAR)`,
  "FLOAT64>INT64": (x) => `CAST(round(${x}) AS BIGINT)`,
  "FLOAT64>NUMERIC": (x) => `bq.float_to_numeric(${x})`,
  "FLOAT64>STRING": (x) => `bq.float_text(${x})`,
  "NUMERIC>INT64": (x) => `CAST(round(${x}, 0) AS BIGINT)`,
  "NUMERIC>FLOAT64": (x) => `bq.numeric_to_float(${x})`,
  "NUMERIC>STRING": (x) => `bq.numeric_text(${x})`,
  "BOOL>INT64": (x) => `CAST(${x} AS BIGINT)`,
  "BOOL>STRING": (x) => `CAST(${x} AS VARCHAR)`,
  "STRING>INT64": (x) => `bq.to_int64(${x})`,
  "STRING>FLOAT64": (x) => `bq.to_float64(${x})`,
  "STRING>NUMERIC": (x) => `bq.to_numeric(${x})`,
  "STRING>BOOL": (x) => `bq.to_bool(${x})`,
  "STRING>BYTES": (x) => `encode(${x})`,
  "STRING>DATE": (x) => `bq.to_date(${x})`,
  "STRING>DATETIME": (x) => `bq.to_datetime(${x})`,
  "STRING>TIME": (x) => `bq.to_time(${x})`,
  "STRING>TIMESTAMP": (x) => `bq.to_timestamp(${x})`,
  "STRING>INTERVAL": (x) => `bq_to_interval(${x})`,
  "INTERVAL>STRING": (x) => `bq_interval_text(${x})`,
  "BYTES>STRING": (x) => `decode(${x})`,
  "DATE>STRING": (x) => `CAST(${x} AS VARCHAR)`,
  "DATE>DATETIME": (x) => `CAST(${x} AS TIMESTAMP)`,
  "DATE>TIMESTAMP": (x) => `CAST(${x} AS TIMESTAMP)`,
  "DATETIME>DATE": (x) => `CAST(${x} AS DATE)`,
  "DATETIME>TIME": (x) => `CAST(${x} AS TIME)`,
  "DATETIME>TIMESTAMP": (x) => x,
  "DATETIME>STRING": (x) => `bq.datetime_text(${x})`,
  "TIMESTAMP>DATE": (x) => `CAST(${x} AS DATE)`,
  "TIMESTAMP>TIME": (x) => `CAST(${x} AS TIME)`,
  "TIMESTAMP>DATETIME": (x) => x,
  "TIMESTAMP>STRING": (x) => `(bq.datetime_text(${x}) || '+00')`,
  "TIME>STRING": (x) => `bq.time_text(${x})`,
};

/** "[start, end)". */
function rangeToText(sql: string, { element }: RangeType): string {
  const end = (i: number): string => {
    const value = field(sql, i);
    return `CASE WHEN isinf(${value}) THEN 'UNBOUNDED' ELSE ${CASTS[`${element}>STRING`]?.(value)} END`;
  };
  return `('[' || ${end(0)} || ', ' || ${end(1)} || ')')`;
}

function castSql(sql: string, from: Type, to: Type, where: string): string {
  if (sameType(from, to)) return sql;
  if (from.kind === "STRUCT" && to.kind === "STRUCT" && from.fields.length === to.fields.length) {
    const fields = to.fields.map((f, i) =>
      castSql(field(sql, i), from.fields[i]?.type ?? f.type, f.type, where),
    );
    return `CASE WHEN ${sql} IS NULL THEN NULL ELSE ${pack(fields)} END`;
  }
  if (from.kind === "ARRAY" && to.kind === "ARRAY")
    return `CAST(list_transform(${sql}, lambda e: ${castSql("e", from.element, to.element, where)}) AS ${duckType(to)})`;
  if (from.kind === "RANGE" && to.kind === "STRING") return rangeToText(sql, from);
  if (from.kind === "RANGE" || to.kind === "RANGE")
    throw notImplemented(`CAST from ${typeName(from)} to ${typeName(to)}${where}`);
  const cast = CASTS[`${from.kind}>${to.kind}`];
  if (cast === undefined)
    throw invalidQuery(`Invalid cast from ${typeName(from)} to ${typeName(to)}${where}`);
  return cast(sql);
}
