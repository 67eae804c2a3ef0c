import { createHash } from "node:crypto";
import type { Problem } from "@convergence/contracts";
import { ApiProblem } from "./problem.ts";

/** Objects and arrays within one another, at most. */
const MAX_DEPTH = 32;

/** A JSON object as a client sent it. */
export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Finds in a parsed JSON text what cannot be carried as it was sent.
 * @returns a problem for each number that is not kept exactly, and each name that is not allowed.
 * @throws ApiProblem 400 when it is nested too deep.
 */
export function jsonProblems(value: unknown): Problem[] {
  const problems: Problem[] = [];
  walk(value, "", 1, problems);
  return problems;
}

function walk(value: unknown, path: string, depth: number, problems: Problem[]): void {
  if (typeof value === "number") {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      problems.push({ field: path, message: "a number too large to be kept exactly: send it as a string" });
    }
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (depth > MAX_DEPTH) {
    throw new ApiProblem(
      400,
      "body-too-deep",
      `The body nests objects and arrays more than ${MAX_DEPTH} deep: flatten it.`,
    );
  }
  for (const [name, member] of Object.entries(value)) {
    const field = path === "" ? name : `${path}.${name}`;
    if (name === "__proto__") problems.push({ field, message: "this name is not allowed" });
    walk(member, field, depth + 1, problems);
  }
}

/** SHA-256, hexadecimal, of a JSON value whatever the order of its members. */
export function canonicalHash(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}
