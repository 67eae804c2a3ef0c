import {
  BIGINT,
  BLOB,
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBScalarFunction,
  type DuckDBValue,
  VARCHAR,
} from "@duckdb/node-api";
import { fromBase32, initcap, toBase32 } from "../sql/encodings.ts";
import { farmFingerprint } from "../sql/fingerprint.ts";
import { appendAll, insertAt, jsonKeys, removeAt, setAt, stripNulls } from "../sql/jsonedit.ts";
import { canonicalJson } from "../sql/jsontext.ts";
import { soundex } from "../sql/soundex.ts";
import { readZoneText } from "../sql/time-zones.ts";
import { GEOGRAPHY_SCALARS } from "./geography-scalars.ts";
import { INTERVAL_SCALARS } from "./interval-scalars.ts";
import { javascriptScalar } from "./javascript.ts";
import type { Sandbox } from "./sandbox.ts";
import { raised, type Scalar } from "./scalar.ts";

const bytes = (value: DuckDBValue | undefined): Buffer =>
  value instanceof DuckDBBlobValue ? Buffer.from(value.bytes) : Buffer.from(String(value));

/** The minutes of an offset; of a zone with a name none. Throws where it is no zone. */
function zoneMinutes(text: string): bigint | undefined {
  const zone = readZoneText(text === "Z" ? "UTC" : text.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2"));
  if (zone === undefined) throw raised(`Invalid time zone: ${text}`);
  return "minutes" in zone ? BigInt(zone.minutes) : undefined;
}

function zoneName(text: string): string | undefined {
  const zone = readZoneText(text);
  return zone && "name" in zone ? zone.name : undefined;
}

const text = (count: number, make: (...args: string[]) => string | undefined): Scalar => ({
  params: Array.from({ length: count }, () => VARCHAR),
  result: VARCHAR,
  make: (...args) => make(...args.map(String)),
});

/** Functions in JavaScript, for what no DuckDB expression does. Those on JSON take and give canonical text. */
const SCALARS: Record<string, Scalar> = {
  bq_canonical_json: text(1, (json = "") => canonicalJson(json)),
  bq_json_keys: text(1, (json = "") => jsonKeys(json)),
  bq_json_strip_nulls: text(1, (json = "") => stripNulls(json)),
  bq_json_set: text(3, (json = "", path = "", value = "") => setAt(json, path, value)),
  bq_json_remove: text(2, (json = "", path = "") => removeAt(json, path)),
  bq_json_insert: text(3, (json = "", path = "", value = "") => insertAt(json, path, value)),
  bq_json_append: text(3, (json = "", path = "", value = "") => appendAll(json, path, value)),
  bq_soundex: text(1, (value = "") => soundex(value)),
  bq_zone_name: text(1, (zone = "") => zoneName(zone)),
  bq_zone_minutes: { params: [VARCHAR], result: BIGINT, make: (zone) => zoneMinutes(String(zone)) },
  bq_initcap: text(2, (value = "", delimiters = "") => initcap(value, delimiters)),
  bq_to_base32: { params: [BLOB], result: VARCHAR, make: (b) => toBase32(bytes(b)) },
  bq_from_base32: {
    params: [VARCHAR],
    result: BLOB,
    make: (s) => {
      const made = fromBase32(String(s));
      return made && new DuckDBBlobValue(made);
    },
  },
  ...INTERVAL_SCALARS,
  ...GEOGRAPHY_SCALARS,
  bq_fingerprint: { params: [BLOB], result: BIGINT, make: (b) => farmFingerprint(bytes(b)) },
};

/** Makes the functions known to the database. */
export function registerScalars(connection: DuckDBConnection, sandbox: Sandbox): void {
  const all = { ...SCALARS, bq_javascript: javascriptScalar(sandbox) };
  for (const [name, { params, result, make }] of Object.entries(all)) {
    const scalar = DuckDBScalarFunction.create({
      name,
      parameterTypes: params,
      returnType: result,
      mainFunction: (_info, input, output) => {
        const columns = params.map((_, i) => input.getColumnVector(i));
        for (let row = 0; row < input.rowCount; row++) {
          const args = columns.map((column) => column.getItem(row));
          output.setItem(row, args.some((arg) => arg === null) ? null : (make(...args) ?? null));
        }
        output.flush();
      },
    });
    connection.registerScalarFunction(scalar);
  }
}
