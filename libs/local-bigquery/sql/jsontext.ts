/**
 * JSON text in the form that the service gives back: no white space, an object's keys in order, the first of two
 * equal keys, numbers as written where they are integers. Undefined where the text is not JSON.
 */
export function canonicalJson(text: string): string | undefined {
  try {
    const numbers: string[] = [];
    const value: unknown = JSON.parse(text, (_key, v, context?: { source?: string }) => {
      if (typeof v !== "number") return v;
      return { [NUMBER]: numbers.push(numberText(v, context?.source ?? String(v))) - 1 };
    });
    return write(value, numbers);
  } catch {
    return undefined;
  }
}

const NUMBER = "\u0000number";

function numberText(value: number, source: string): string {
  return /^-?\d+$/.test(source) && source !== "-0" ? source : String(value);
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
