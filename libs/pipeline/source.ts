/** A YAML file with the place of everything in it. */
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import type { Fault } from "./types.ts";

export type Path = readonly (string | number)[];

/** Aliases (`*name`) that one file may resolve: authors need a few, alias bombs need thousands. */
const MAX_ALIASES = 100;

export interface Source {
  /** The file as plain values; undefined when it cannot be read at all. */
  value: unknown;
  /** Faults of the YAML itself. */
  faults: Fault[];
  /** A fault at the value of `path`, or at what is nearest to it. */
  atValue(path: Path, message: string): Fault;
  /** A fault at the last key of `path`. */
  atKey(path: Path, message: string): Fault;
  /** A fault within the string at `path`, `offset` UTF-16 units from its begin. */
  within(path: Path, offset: number, message: string): Fault;
}

/** Parses YAML 1.2. Faults name `file`. */
export function readYaml(text: string, file: string): Source {
  const lines = new LineCounter();
  const doc = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: "error",
  });

  function fault(at: number, path: Path, message: string): Fault {
    const { line, col } = lines.linePos(at);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path: showPath(path), message };
  }
  function find(path: Path): Found {
    return findNode(doc.contents, path, (node) => (isAlias(node) ? (node.resolve(doc) ?? null) : node));
  }
  function within(path: Path, offset: number, message: string): Fault {
    const { node, start } = find(path);
    const at = isScalar(node) ? offsetInSource(text, node.range, String(node.value), offset) : null;
    return fault(at ?? start, path, message);
  }

  const faults = [...doc.errors, ...doc.warnings].map((error) =>
    fault(placeOf(error, doc), [], yamlMessage(error.code, error.message)),
  );
  return {
    value: plainValue(doc, (message) => faults.push(fault(0, [], message))),
    faults,
    atValue: (path, message) => fault(find(path).start, path, message),
    atKey: (path, message) => fault(find(path).keyStart, path, message),
    within,
  };
}

/** `steps[1].query`, as authors read it. */
export function showPath(path: Path): string {
  return path.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`)).join("");
}

function plainValue(doc: ReturnType<typeof parseDocument>, failed: (message: string) => void): unknown {
  if (doc.errors.some((error) => error.code !== "DUPLICATE_KEY")) return undefined;
  try {
    const value: unknown = doc.toJS({ maxAliasCount: MAX_ALIASES });
    JSON.stringify(value); // throws where an alias makes the file contain itself
    return value;
  } catch (error) {
    failed(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function yamlMessage(code: string, message: string): string {
  if (code === "DUPLICATE_KEY") return "this key is there already: keep one of them";
  if (code === "MULTIPLE_DOCS") return 'a file holds one template: take out the "---" and what follows it';
  if (code === "NON_STRING_KEY")
    return "a key is a plain text; a value with {variables} needs quotes around it";
  return `not YAML: ${message}`;
}

/** Where an error began: the parser notices a missing end only far behind the begin of what has none. */
function placeOf(error: YAMLError, doc: ReturnType<typeof parseDocument>): number {
  let at = error.pos[0];
  if (!/Missing closing|and end with a/.test(error.message)) return at;
  visit(doc, {
    Node(_, node) {
      const opens = isScalar(node)
        ? /^QUOTE/.test(node.type ?? "")
        : isCollection(node) && node.flow === true;
      const range = node.range;
      if (opens && range && range[0] <= error.pos[0] && range[2] >= error.pos[0]) at = range[0];
    },
  });
  return at;
}

interface Found {
  node: Node | null;
  start: number;
  keyStart: number;
}

/** The node at `path`; where the path ends early, the last one on the way. */
function findNode(root: Node | null, path: Path, resolve: (node: unknown) => unknown): Found {
  let found: Found = { node: root, start: root?.range?.[0] ?? 0, keyStart: root?.range?.[0] ?? 0 };
  for (const key of path) {
    const parent = resolve(found.node);
    const next = isMap(parent)
      ? parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
      : isSeq(parent) && typeof key === "number"
        ? { key: parent.items[key], value: parent.items[key] }
        : undefined;
    if (next === undefined) return found;
    const keyStart = startOf(next.key) ?? found.start;
    found = { node: asNode(resolve(next.value)), start: startOf(next.value) ?? keyStart, keyStart };
  }
  return found;
}

function asNode(value: unknown): Node | null {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : null;
}

function startOf(value: unknown): number | undefined {
  return asNode(value)?.range?.[0];
}

/**
 * Where a string's character stands in the file: the same occurrence of the same character. Null where escapes or
 * folding make the two texts differ in how often they have it.
 */
function offsetInSource(
  text: string,
  range: readonly [number, number, number] | null | undefined,
  value: string,
  offset: number,
): number | null {
  const char = value.charAt(offset);
  if (!range || char === "") return null;
  const written = text.slice(range[0], range[1]);
  const places = occurrences(written, char);
  const before = occurrences(value.slice(0, offset), char).length;
  if (places.length !== occurrences(value, char).length) return null;
  return range[0] + (places[before] ?? 0);
}

function occurrences(text: string, char: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(char); at >= 0; at = text.indexOf(char, at + 1)) found.push(at);
  return found;
}
