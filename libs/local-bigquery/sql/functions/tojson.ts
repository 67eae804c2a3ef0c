import { notImplemented } from "../../errors.ts";
import { field, quote } from "../expr.ts";
import type { Type } from "../types.ts";

/** Largest integer that JSON readers keep exactly: beyond it TO_JSON_STRING quotes. */
const SAFE = 2 ** 53;

const text = (sql: string): string => `CAST(to_json(CAST(${sql} AS VARCHAR)) AS VARCHAR)`;

/** TO_JSON_STRING: JSON text of a value, "null" for NULL. */
export function toJson(sql: string, type: Type, depth = 0): string {
  return `COALESCE(${present(sql, type, depth)}, 'null')`;
}

function present(sql: string, type: Type, depth: number): string {
  switch (type.kind) {
    case "JSON":
      return sql;
    case "STRING":
      return text(sql);
    case "BOOL":
      return `CAST(${sql} AS VARCHAR)`;
    case "INT64":
      return `CASE WHEN abs(${sql}) > ${SAFE} THEN '"' || ${sql} || '"' ELSE CAST(${sql} AS VARCHAR) END`;
    case "NUMERIC":
      // A number where it is an integer that JSON readers keep exactly, else text.
      return `CASE WHEN ${sql} = trunc(${sql}) AND abs(${sql}) <= ${SAFE} THEN bq.numeric_text(${sql}) ELSE '"' || bq.numeric_text(${sql}) || '"' END`;
    case "FLOAT64":
      return `CASE WHEN isfinite(${sql}) THEN bq.float_text(${sql}) ELSE '"' || CASE WHEN isnan(${sql}) THEN 'NaN' WHEN ${sql} > 0 THEN 'Infinity' ELSE '-Infinity' END || '"' END`;
    case "BYTES":
      return text(`to_base64(${sql})`);
    case "DATE":
      return text(sql);
    case "DATETIME":
      return text(`replace(bq.datetime_text(${sql}), ' ', 'T')`);
    case "TIMESTAMP":
      return text(`replace(bq.datetime_text(${sql}), ' ', 'T') || 'Z'`);
    case "TIME":
      return text(`bq.time_text(${sql})`);
    case "ARRAY": {
      const x = `j${depth}`;
      const items = `list_transform(${sql}, lambda ${x}: ${toJson(x, type.element, depth + 1)})`;
      return `('[' || array_to_string(${items}, ',') || ']')`;
    }
    case "STRUCT": {
      const fields = type.fields.map(
        (f, i) => `${quote(`${JSON.stringify(f.name ?? "")}:`)} || ${toJson(field(sql, i), f.type, depth)}`,
      );
      return `CASE WHEN ${sql} IS NOT NULL THEN '{' || ${fields.join(" || ',' || ")} || '}' END`;
    }
    default:
      throw notImplemented(`${type.kind} as JSON`);
  }
}
