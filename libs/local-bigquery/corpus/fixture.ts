import { existsSync, readFileSync } from "node:fs";
import { isObject, type JsonObject, objectOr, stringOr } from "../json.ts";

/** One recorded exchange with the real service; ${PROJECT} and ${DATASET_ID} are still in it. */
export interface Fixture {
  name: string;
  query: string;
  setup: string | undefined;
  /** REST requests that come before the query: {method, path, body}. */
  setupRest: JsonObject[];
  /** Job options in the Python client's spelling. */
  config: JsonObject;
  /** Query parameters: {mode, parameters: [{name?, type, value}]}. */
  parameters: JsonObject;
  expected: JsonObject;
}

/** The fixtures of a file, one JSON object a line, or undefined where it is not there. */
export function readFixtures(path: string): Fixture[] | undefined {
  if (!existsSync(path)) return undefined;
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => {
    const f = objectOr(parseExactly(line));
    return {
      name: stringOr(f.name, ""),
      query: stringOr(f.query, ""),
      setup: stringOr(f.setup, "") || undefined,
      setupRest: (Array.isArray(f.setup_rest) ? f.setup_rest : []).filter(isObject),
      config: objectOr(f.job_config),
      parameters: objectOr(f.parameters),
      expected: objectOr(f.expected),
    };
  });
}

/** JSON whose integers beyond 2^53 become text, so that they keep their digits. */
function parseExactly(line: string): unknown {
  return JSON.parse(line, (_key, value, context?: { source?: string }) =>
    Number.isInteger(value) && !Number.isSafeInteger(value) ? context?.source : value,
  );
}

/** Puts names for the placeholders. */
export function filled(text: string, project: string, dataset: string): string {
  const names: Record<string, string> = {
    PROJECT: project,
    DATASET_ID: dataset,
    DATASET: `${project}.${dataset}`,
  };
  return text.replace(/\$\{(\w+)\}/g, (all, name: string) => names[name] ?? all);
}
