/** Helpers of this library's tests. */
import assert from "node:assert/strict";
import { parseTemplate } from "./parse-template.ts";
import { resolve } from "./resolve.ts";
import type { JsonValue, Problem, ResolvedRun, Template } from "./types.ts";

export const PROJECT = "gac-prod-471220";
export const TENANT = "acmeinc_23xv2";

/** Parses a template that must have no fault. */
export function goodTemplate(text: string): Template {
  const parsed = parseTemplate(text, "configs/gcp/cost/good.yml", {
    provider: "gcp",
    domain: "cost",
    name: "good",
  });
  if ("faults" in parsed) assert.fail(JSON.stringify(parsed.faults, null, 2));
  return parsed.template;
}

/** Resolves for the tests' tenant. */
export function resolveFor(
  template: Template,
  values: Record<string, JsonValue>,
): { ok: ResolvedRun } | { problems: Problem[] } {
  return resolve(template, { tenantId: TENANT, runId: "run-1", project: PROJECT, values });
}

/** Resolves a run that must have no problem. */
export function resolved(template: Template, values: Record<string, JsonValue>): ResolvedRun {
  const result = resolveFor(template, values);
  if ("problems" in result) assert.fail(JSON.stringify(result.problems));
  return result.ok;
}

/** A repeatable source of numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
