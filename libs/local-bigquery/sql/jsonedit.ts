import { isObject } from "../json.ts";
import { isJsonNumber, mapJson } from "./jsontext.ts";

/** A step of a JSONPath: an object's key or an array's index. */
type Step = string | number;

/** The steps of $.a[0]."b" as `duckPath` writes it. */
function stepsOf(path: string): Step[] {
  const found = path.matchAll(/\."([^"]*)"|\[(\d+)\]/g);
  return [...found].map(([, key, index]) => key ?? Number(index));
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && !isJsonNumber(value);

/** JSON_KEYS: every key of the objects (not of those within arrays), "a.b" for nested ones, in order, as a JSON array. */
export function jsonKeys(json: string): string | undefined {
  return mapJson(json, (value) => {
    const keys = new Set<string>();
    const visit = (part: unknown, prefix: string): void => {
      if (!isPlainObject(part)) return;
      for (const [key, inner] of Object.entries(part)) {
        const shown = /^[A-Za-z_]\w*$/.test(key) ? key : JSON.stringify(key);
        keys.add(prefix + shown);
        visit(inner, `${prefix}${shown}.`);
      }
    };
    visit(value, "");
    return [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  });
}

/** JSON_STRIP_NULLS with its defaults: nulls go from objects and from arrays. */
export function stripNulls(json: string): string | undefined {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.filter((v) => v !== null).map(strip);
    if (!isPlainObject(value)) return value;
    const kept = Object.entries(value).filter(([, v]) => v !== null);
    return Object.fromEntries(kept.map(([k, v]) => [k, strip(v)]));
  };
  return mapJson(json, strip);
}

/** JSON_SET of one path: makes what is missing; where the path meets another kind of value nothing changes. */
export function setAt(json: string, path: string, value: string): string | undefined {
  return mapJson(json, (root, read) => put(root, stepsOf(path), read(value)));
}

function put(target: unknown, [step, ...rest]: Step[], value: unknown): unknown {
  if (step === undefined) return value;
  if (typeof step === "string") {
    if (target !== null && target !== undefined && !isPlainObject(target)) return target;
    const object = isPlainObject(target) ? target : {};
    return { ...object, [step]: put(object[step], rest, value) };
  }
  if (target !== null && target !== undefined && !Array.isArray(target)) return target;
  const array: unknown[] = Array.isArray(target) ? [...target] : [];
  while (array.length < step) array.push(null);
  array[step] = put(array[step], rest, value);
  return array;
}

/** Changes what lies at the path, where there is something. */
function change(target: unknown, [step, ...rest]: Step[], make: (value: unknown) => unknown): unknown {
  if (step === undefined) return make(target);
  if (typeof step === "string") {
    if (!isPlainObject(target) || !Object.hasOwn(target, step)) return target;
    return { ...target, [step]: change(target[step], rest, make) };
  }
  if (!Array.isArray(target) || step >= target.length) return target;
  return target.map((item, i) => (i === step ? change(item, rest, make) : item));
}

/** JSON_REMOVE of one path. */
export function removeAt(json: string, path: string): string | undefined {
  const steps = stepsOf(path);
  const last = steps.pop();
  const remove = (parent: unknown): unknown => {
    if (typeof last === "number" && Array.isArray(parent)) return parent.filter((_, i) => i !== last);
    if (typeof last !== "string" || !isPlainObject(parent)) return parent;
    return Object.fromEntries(Object.entries(parent).filter(([key]) => key !== last));
  };
  return mapJson(json, (root) => change(root, steps, remove));
}

/** JSON_ARRAY_INSERT of one value at $...[i]; past the end, nulls fill the gap. */
export function insertAt(json: string, path: string, value: string): string | undefined {
  const steps = stepsOf(path);
  const at = steps.pop();
  return mapJson(json, (root, read) =>
    change(root, steps, (parent) => {
      if (typeof at !== "number" || (!Array.isArray(parent) && parent !== null)) return parent;
      const array: unknown[] = [...(parent ?? [])];
      while (array.length < at) array.push(null);
      array.splice(at, 0, read(value));
      return array;
    }),
  );
}

/** JSON_ARRAY_APPEND of one value to the array at the path. */
export function appendAll(json: string, path: string, value: string): string | undefined {
  return mapJson(json, (root, read) =>
    change(root, stepsOf(path), (array) => {
      if (array === null) return [read(value)];
      return Array.isArray(array) ? [...array, read(value)] : array;
    }),
  );
}
