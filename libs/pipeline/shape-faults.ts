/** What zod finds wrong with a file's shape, in the author's words and places. */
import { z } from "zod";
import type { Path, Source } from "./source.ts";
import { didYouMean } from "./suggest.ts";
import type { Fault } from "./types.ts";

type Issue = z.core.$ZodIssue;

/** Checks `value`, which stands at `at` in the file, against `schema`; all faults at once. */
export function shapeFaults(schema: z.ZodType, value: unknown, at: Path, source: Source): Fault[] {
  const parsed = schema.safeParse(value);
  return parsed.success ? [] : issuesToFaults(parsed.error.issues, schema, value, at, source);
}

function issuesToFaults(
  issues: readonly Issue[],
  schema: z.ZodType,
  value: unknown,
  at: Path,
  source: Source,
): Fault[] {
  return issues.flatMap((issue) => {
    const within = issue.path.filter((key) => typeof key !== "symbol");
    const path = [...at, ...within];
    const input = valueAt(value, within);
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => {
          const known = knownKeys(schema, within, value);
          return source.atKey(
            [...path, key],
            `unknown key "${key}"${didYouMean(key, known)}${listKeys(known)}`,
          );
        });
      case "invalid_union":
        return unionFaults(issue, schema, value, path, at, source);
      case "invalid_key":
        return [source.atKey(path, issue.issues[0]?.message ?? issue.message)];
      default:
        return [fieldFault(issue, input, path, source)];
    }
  });
}

/** Of a union's branches the one that the value was meant for: where the fault lies deepest. */
function unionFaults(
  issue: Extract<Issue, { code: "invalid_union" }>,
  schema: z.ZodType,
  value: unknown,
  path: Path,
  at: Path,
  source: Source,
): Fault[] {
  if (issue.errors.length === 0) return [kindFault(issue, schema, value, path, source)];
  const meant = issue.errors.find((branch) =>
    branch.some((one) => one.code !== "invalid_type" || one.path.length > 0),
  );
  if (meant === undefined) return [fieldFault(issue, valueAt(value, issue.path), path, source)];
  const below = meant.map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
  return issuesToFaults(below, schema, value, at, source);
}

/** A key that says what kind of map this is, such as a check's name, is missing or names no kind. */
function kindFault(issue: Issue, schema: z.ZodType, value: unknown, path: Path, source: Source): Fault {
  const within = issue.path.filter((key) => typeof key !== "symbol");
  const key = String(within.at(-1));
  const kinds = schemasAt(schema, within, undefined).flatMap(({ const: kind }) =>
    kind === undefined ? [] : [String(kind)],
  );
  const given = valueAt(value, within);
  if (given === undefined) return source.atValue(path, `${key} is missing: give one of ${kinds.join(", ")}`);
  const hint = typeof given === "string" ? didYouMean(given, kinds) : "";
  return source.atValue(path, `${key} must be one of ${kinds.join(", ")}${hint}`);
}

function fieldFault(issue: Issue, input: unknown, path: Path, source: Source): Fault {
  const name = String(path.at(-1) ?? "the template");
  if (input === undefined) return source.atValue(path, `${name} is missing: ${wanted(issue)}`);
  return source.atValue(path, `${name} ${complaint(issue, input)}`);
}

function complaint(issue: Issue, input: unknown): string {
  if (issue.code === "invalid_type") {
    const quotes =
      issue.expected === "string" && kindOf(input) === "a map"
        ? ' (a text that begins with "{" needs quotes)'
        : "";
    return `must be ${kind(issue.expected)}, not ${kindOf(input)}${quotes}`;
  }
  if (issue.code === "invalid_union") return `must be ${branches(issue)}, not ${kindOf(input)}`;
  if (issue.code === "invalid_value" && issue.values.length > 1) {
    const values = issue.values.map(String);
    const hint = typeof input === "string" ? didYouMean(input, values) : "";
    return `must be one of ${values.join(", ")}${hint}`;
  }
  return issue.message;
}

function wanted(issue: Issue): string {
  if (issue.code === "invalid_type") return `give ${kind(issue.expected)}`;
  if (issue.code === "invalid_value")
    return `give ${issue.values.length > 1 ? "one of " : ""}${issue.values.join(", ")}`;
  return issue.code === "invalid_union" ? `give ${branches(issue)}` : issue.message;
}

function branches(issue: Extract<Issue, { code: "invalid_union" }>): string {
  const kinds = issue.errors.flatMap(([first]) =>
    first?.code === "invalid_type" ? [kind(first.expected)] : [],
  );
  return kinds.join(" or ");
}

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

function kind(expected: string): string {
  return KINDS[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  return KINDS[typeof value] ?? typeof value;
}

function listKeys(known: readonly string[]): string {
  return known.length === 0 ? "" : `; known here: ${known.join(", ")}`;
}

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined,
    value,
  );
}

/** The keys that a map at `path` may have. */
function knownKeys(schema: z.ZodType, path: Path, value: unknown): string[] {
  return [...new Set(schemasAt(schema, path, value).flatMap((one) => Object.keys(one.properties ?? {})))];
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The schema's JSON forms at `path`: of alternatives those that `value` is meant for, where it says so. */
function schemasAt(schema: z.ZodType, path: Path, value: unknown): JsonSchema[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  let at = alternatives(root, value);
  for (const [i, key] of path.entries()) {
    const input = valueAt(value, path.slice(0, i + 1));
    at = at.flatMap((one) => below(one, key)).flatMap((one) => alternatives(one, input));
  }
  return at;
}

function alternatives(schema: JsonSchema, value: unknown): JsonSchema[] {
  const options = (schema.oneOf ?? schema.anyOf)?.filter(isSchema);
  if (options === undefined) return [schema];
  return options.filter((option) => isMeant(option, value)).flatMap((option) => alternatives(option, value));
}

/** False where the value names another kind, as by a check's name. */
function isMeant({ properties = {} }: JsonSchema, value: unknown): boolean {
  return Object.entries(properties).every(([key, property]) => {
    const kind = isSchema(property) ? property.const : undefined;
    const given = valueAt(value, [key]);
    return kind === undefined || given === undefined || kind === given;
  });
}

function below(schema: JsonSchema, key: string | number): JsonSchema[] {
  const next =
    typeof key === "number" ? schema.items : (schema.properties?.[key] ?? schema.additionalProperties);
  return isSchema(next) ? [next] : [];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
