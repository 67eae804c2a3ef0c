import { invalidQuery, notImplemented } from "../errors.ts";
import { type Column, fromJson } from "./analysis.ts";
import { type Expr, field, quote } from "./expr.ts";
import type { Routine } from "./routines.ts";
import { structOf, type Type, typeName } from "./types.ts";

/** What means something else to the service's engine than to the one here. */
const UNFAITHFUL = /\b(Intl|toLocale\w*|localeCompare|normalize|WebAssembly|import)\b/;

/** A call of a JavaScript function: DuckDB calls `bq_javascript` (catalog/javascript.ts) with the arguments as JSON. */
export function callJavaScript(made: Routine, args: Column[], where: string): Expr {
  const { javascript: body = "", returns } = made;
  if (returns === undefined) throw invalidQuery(`Function ${made.name} needs RETURNS${where}`);
  const unfaithful = UNFAITHFUL.exec(body)?.[0];
  if (unfaithful) throw notImplemented(`${unfaithful} in a JavaScript function${where}`);
  if (/\bDate\b/.test(body) && new Date(0).getTimezoneOffset() !== 0)
    throw notImplemented(
      `Date in a JavaScript function on a machine whose time zone is not UTC (set TZ=UTC)${where}`,
    );
  const names = quote(JSON.stringify(args.map((a) => a.name)));
  const values = args.map((a) => `COALESCE(${toBridge(a.sql, a.type, where)}, 'null')`);
  const list = values.length === 0 ? "'[]'" : `('[' || ${values.join(" || ',' || ")} || ']')`;
  const type = structOf([{ name: null, type: returns }]);
  checkReturns(returns, where);
  const json = `bq_javascript(${names}, ${quote(body)}, ${list}, ${quote(JSON.stringify(returns))})`;
  return { sql: field(fromJson(json, type), 0), type: returns, where };
}

const text = (sql: string): string => `CAST(to_json(CAST(${sql} AS VARCHAR)) AS VARCHAR)`;

/** SQL for a value's JSON as the sandbox reads it. An INT64 is marked: how the service passes one is not documented. */
function toBridge(sql: string, type: Type, where: string, depth = 0): string {
  switch (type.kind) {
    case "STRING":
      return text(sql);
    case "BOOL":
      return `CAST(${sql} AS VARCHAR)`;
    case "INT64":
      return `'{"$integer":"' || ${sql} || '"}'`;
    case "FLOAT64":
      return `'{"$number":"' || bq.float_text(${sql}).replace('inf', 'Infinity') || '"}'`;
    case "NUMERIC":
      return `CASE WHEN ${sql} = trunc(${sql}) AND abs(${sql}) <= 9007199254740992 THEN bq.numeric_text(${sql}) ELSE ${text(`bq.numeric_text(${sql})`)} END`;
    case "BYTES":
      return text(`to_base64(${sql})`);
    case "DATE":
      return `'{"$date":' || epoch_ms(CAST(${sql} AS TIMESTAMP)) || '}'`;
    case "JSON":
      return `'{"$value":' || ${sql} || '}'`;
    case "ARRAY": {
      const x = `j${depth}`;
      const items = `list_transform(${sql}, lambda ${x}: COALESCE(${toBridge(x, type.element, where, depth + 1)}, 'null'))`;
      return `('[' || array_to_string(${items}, ',') || ']')`;
    }
    case "STRUCT": {
      const fields = type.fields.map((f, i) => {
        if (f.name === null) throw notImplemented(`a STRUCT without names for a JavaScript function${where}`);
        return `${quote(`${JSON.stringify(f.name)}:`)} || COALESCE(${toBridge(field(sql, i), f.type, where, depth)}, 'null')`;
      });
      return `CASE WHEN ${sql} IS NOT NULL THEN '{"$struct":{' || ${fields.join(" || ',' || ")} || '}}' END`;
    }
    default:
      throw notImplemented(`${typeName(type)} for a JavaScript function${where}`);
  }
}

const RETURNED = new Set(["STRING", "BOOL", "INT64", "FLOAT64", "NUMERIC", "BYTES", "JSON", "TIMESTAMP"]);

function checkReturns(type: Type, where: string): void {
  if (type.kind === "ARRAY") checkReturns(type.element, where);
  else if (type.kind === "STRUCT") for (const f of type.fields) checkReturns(f.type, where);
  else if (!RETURNED.has(type.kind)) throw notImplemented(`${type.kind} from a JavaScript function${where}`);
}
