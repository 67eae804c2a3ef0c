/**
 * JSON text in the form that the service gives back: no white space, an object's keys in order, the first of two
 * equal keys, integers as written, other numbers as doubles. Undefined where the text is not JSON.
 */
export function canonicalJson(text: string): string | undefined {
  return mapJson(text, (value) => value);
}

/**
 * Reads JSON text, has its value changed, and writes it in the service's form. Numbers are objects of their own
 * (`isJsonNumber`), so that none loses a digit. `change` is also given a reader for further texts.
 */
export function mapJson(
  text: string,
  change: (value: unknown, read: (text: string) => unknown) => unknown,
): string | undefined {
  const numbers: string[] = [];
  const read = (json: string): unknown =>
    JSON.parse(json, (_key, v, context?: { source?: string }) => {
      if (typeof v !== "number") return v;
      return { [NUMBER]: numbers.push(numberText(v, context?.source ?? String(v))) - 1 };
    });
  try {
    return write(change(read(text), read), numbers);
  } catch {
    return undefined;
  }
}

/** Whether a value that `mapJson` gives is a number. */
export function isJsonNumber(value: object): boolean {
  return Object.hasOwn(value, NUMBER);
}

const NUMBER = "\u0000number";

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

function numberText(value: number, source: string): string {
  if (/^-?\d+$/.test(source) && source !== "-0") {
    const integer = BigInt(source);
    if (integer >= INT64_MIN && integer <= UINT64_MAX) return source;
  }
  return doubleText(value);
}

/** A double as the service's JSON writes it: always with a point or an exponent. */
function doubleText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = Number(exponent) + 1;
  const sign = value < 0 ? "-" : "";
  if (point > 15 || point <= -4) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    const power = String(Math.abs(point - 1)).padStart(2, "0");
    return `${sign}${digits[0]}${fraction}e${point > 0 ? "+" : "-"}${power}`;
  }
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point).padEnd(point, "0")}.${digits.slice(point) || "0"}`;
}

function write(value: unknown, numbers: string[]): string {
  if (Array.isArray(value)) return `[${value.map((v) => write(v, numbers)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  const [first] = entries;
  if (first?.[0] === NUMBER) return numbers[first[1]] ?? "null";
  entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${write(v, numbers)}`).join(",")}}`;
}
