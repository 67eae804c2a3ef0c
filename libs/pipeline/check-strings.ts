/** Variables in a template's strings: each string is scanned, wherever it stands. */
import type { Path, Source } from "./source.ts";
import { compileSql, type VariableTypes } from "./sql/compile.ts";
import type { VariableFields, VariableUse } from "./step-types/step-type.ts";
import { didYouMean } from "./suggest.ts";
import { type Piece, scan, type TextFault } from "./text.ts";
import type { Fault } from "./types.ts";

/** Variables of the template's head. */
export const HEAD_VARIABLES: VariableFields = {
  pipeline_id: "text",
  description: "text",
  "concurrency.key": "text",
};

/**
 * Scans every string at or below `at`. `fields` says where variables may stand, by the path below `at` with dots;
 * a longer path counts before a shorter one.
 */
export function checkStrings(
  value: unknown,
  at: Path,
  fields: VariableFields,
  types: VariableTypes,
  source: Source,
): Fault[] {
  return stringsOf(value, []).flatMap(([below, text]) => {
    const path = [...at, ...below];
    const use = useOf(below, fields);
    const { pieces, faults } = scan(text);
    const found = use === "sql" || use === "expression" ? sqlFaults(text, types, use) : faults;
    return [
      ...found.map((fault) => source.within(path, fault.at, fault.message)),
      ...pieces.flatMap((piece) => variableFault(piece, use, path, types, source)),
    ];
  });
}

function variableFault(
  piece: Piece,
  use: VariableUse | undefined,
  path: Path,
  types: VariableTypes,
  source: Source,
): Fault[] {
  if (piece.kind !== "variable") return [];
  if (use === undefined) {
    return [
      source.within(
        path,
        piece.at,
        `no variable may stand here: write the value, or {{${piece.name}}} for the text`,
      ),
    ];
  }
  if (types.has(piece.name)) return [];
  const hint = didYouMean(piece.name, types.keys());
  return [
    source.within(
      path,
      piece.at,
      `unknown variable {${piece.name}}${hint || ": declare it under parameters"}`,
    ),
  ];
}

function sqlFaults(text: string, types: VariableTypes, use: "sql" | "expression"): TextFault[] {
  return compileSql(text, types, use === "sql" ? "query" : "expression").faults;
}

function useOf(path: Path, fields: VariableFields): VariableUse | undefined {
  const names = path.filter((key) => typeof key === "string");
  for (let length = names.length; length > 0; length--) {
    const use = fields[names.slice(0, length).join(".")];
    if (use !== undefined) return use;
  }
  return undefined;
}

function stringsOf(value: unknown, path: Path): [Path, string][] {
  if (typeof value === "string") return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((item, i) => stringsOf(item, [...path, i]));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => stringsOf(item, [...path, key]));
}

/** The variables that any string at or below `value` names. */
export function variablesIn(value: unknown): Set<string> {
  const pieces = stringsOf(value, []).flatMap(([, text]) => scan(text).pieces);
  return new Set(pieces.flatMap((piece) => (piece.kind === "variable" ? [piece.name] : [])));
}
