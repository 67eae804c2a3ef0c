import { isObject, type JsonObject } from "../json.ts";
import { canonicalJson } from "../sql/jsontext.ts";
import { type Field, fieldsOf } from "./schema.ts";

/** What differs between an answer and the recording, or undefined. `rows` are REST's {f: [{v}]}. */
export function difference(
  expected: JsonObject,
  schema: unknown,
  rows: unknown[],
  isOrdered: boolean,
): string | undefined {
  const wanted = fieldsOf(expected.schema);
  const given = fieldsOf(schema);
  const [w, g] = [shape(wanted), shape(given)];
  if (w !== "" && w !== g) return `schema ${g}, recorded ${w}`;
  if (!Array.isArray(expected.rows) || wanted.length === 0) return undefined;
  const want = expected.rows.map((row) =>
    wanted.map((f) => recorded(isObject(row) ? row[f.name] : null, f)).join("|"),
  );
  const got = rows.map((row) => {
    const cells = isObject(row) && Array.isArray(row.f) ? row.f : [];
    return wanted.map((f, i) => answered(cellValue(cells[i]), f)).join("|");
  });
  if (!isOrdered) {
    want.sort();
    got.sort();
  }
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  return a === b ? undefined : `rows ${a.slice(0, 300)}, recorded ${b.slice(0, 300)}`;
}

function shape(fields: Field[]): string {
  return fields.map((f) => `${f.name}:${f.type}:${f.mode}(${shape(f.fields)})`).join(",");
}

function cellValue(cell: unknown): unknown {
  return isObject(cell) ? cell.v : null;
}

/** A recorded value in a form that can be compared. A REPEATED one is never NULL. */
function recorded(value: unknown, field: Field): string {
  if (field.mode === "REPEATED") {
    const items = Array.isArray(value) ? value : [];
    return `[${items.map((v) => recorded(v, one(field))).join(",")}]`;
  }
  if (value === null || value === undefined) return "null";
  if (field.type === "RANGE" && isObject(value))
    return scalar(`[${value.start ?? "UNBOUNDED"}, ${value.end ?? "UNBOUNDED"})`, field.type);
  if (field.type === "RECORD")
    return `{${field.fields.map((f) => recorded(isObject(value) ? value[f.name] : null, f)).join(",")}}`;
  return scalar(typeof value === "object" ? JSON.stringify(value) : String(value), field.type);
}

/** The same of a value as REST has it. */
function answered(value: unknown, field: Field): string {
  if (field.mode === "REPEATED") {
    const items = Array.isArray(value) ? value : [];
    return `[${items.map((v) => answered(cellValue(v), one(field))).join(",")}]`;
  }
  if (value === null || value === undefined) return "null";
  if (field.type === "RECORD") {
    const cells = isObject(value) && Array.isArray(value.f) ? value.f : [];
    return `{${field.fields.map((f, i) => answered(cellValue(cells[i]), f)).join(",")}}`;
  }
  return scalar(String(value), field.type);
}

const one = (field: Field): Field => ({ ...field, mode: "NULLABLE" });

/** The recording spells some values otherwise than REST does: times with or without "T", JSON read, floats shortened. */
function scalar(text: string, type: string): string {
  switch (type) {
    case "FLOAT":
      return Number(text).toPrecision(12);
    case "NUMERIC":
    case "BIGNUMERIC":
      return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
    case "TIMESTAMP":
      return micros(text);
    case "DATETIME":
    case "TIME":
      return text
        .replace(" ", "T")
        .replace(/(\.\d*?)0+$/, "$1")
        .replace(/\.$/, "");
    case "INTERVAL":
      return relative(text) ?? text;
    case "JSON":
      return canonicalJson(text) ?? text;
    default:
      return JSON.stringify(text);
  }
}

/** The recording has an INTERVAL as Python's relativedelta shows it: what is zero is left out. */
function relative(text: string): string | undefined {
  const [, list] = /^relativedelta\((.*)\)$/.exec(text) ?? [];
  if (list === undefined) return undefined;
  const of = (name: string): number => Number(new RegExp(`\\b${name}=([+-]?\\d+)`).exec(list)?.[1] ?? 0);
  const fraction = of("microseconds") === 0 ? "" : `.${String(of("microseconds")).padStart(6, "0")}`;
  return `${of("years")}-${of("months")} ${of("days")} ${of("hours")}:${of("minutes")}:${of("seconds")}${fraction}`;
}

function micros(text: string): string {
  if (/^-?\d+$/.test(text)) return text;
  const [, whole = "", fraction = ""] = /^(.*?)(?:\.(\d+))?(?:Z|\+00:00| ?UTC|\+00)?$/.exec(text) ?? [];
  return String(BigInt(Date.parse(`${whole.replace(" ", "T")}Z`)) * 1000n + BigInt(fraction.padEnd(6, "0")));
}
