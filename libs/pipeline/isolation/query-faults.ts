/** Queries of a template that every run of it would be refused for, told to its author before one is tried. */
import { dryRun } from "../dry-run.ts";
import { readYaml, type Source } from "../source.ts";
import type { Fault, Parameter, Scalar, Template } from "../types.ts";
import { referencedTables } from "./tables.ts";

/** A value of each type, where a parameter has no default: what it is does not matter to the SQL's shape. */
const STAND_INS: Record<Parameter["type"], Scalar> = {
  string: "x",
  int: 1,
  float: 1,
  bool: true,
  date: "2025-11-15",
  timestamp: "2025-11-15T00:00:00Z",
};

/**
 * Reads each query as the step-runner will. Tables of other datasets are no fault here: they may be granted.
 * @param text the template's file
 * @param project GCP_PROJECT_ID
 */
export function queryFaults(template: Template, text: string, project: string): Fault[] {
  const required = template.parameters.filter((parameter) => parameter.required);
  const body = Object.fromEntries(required.map(({ name, type }) => [name, STAND_INS[type]]));
  const planned = dryRun(template, { tenantId: "example_tenant", project, body, now: 0 });
  if ("problems" in planned) return [];
  const source = readYaml(text, template.file);
  return planned.ok.steps.flatMap(({ query, step_index }) => {
    const found = query === null ? null : referencedTables(query.sql);
    return found === null || !("refused" in found) ? [] : [faultOf(found.refused, step_index, source)];
  });
}

function faultOf(reason: string, step: number, source: Source): Fault {
  const [path, query] = queryOf(source.value, step);
  const message = `every run of this query would be refused: ${reason}; mend it: one SELECT that names its tables plainly`;
  const line = Number(/line (\d+)/i.exec(reason)?.[1] ?? 1);
  const before = query.split("\n").slice(0, line - 1);
  const indent = /^\s*/.exec(query.split("\n")[line - 1] ?? "")?.[0].length ?? 0;
  const offset = before.reduce((sum, one) => sum + one.length + 1, indent);
  return line === 1 ? source.atValue(path, message) : source.within(path, offset, message);
}

/** Where a step's query stands in the file, in either form, and its text. */
function queryOf(raw: unknown, step: number): [path: (string | number)[], query: string] {
  for (const path of [
    ["steps", step, "query"],
    ["steps", step, "source", "query"],
    ["source", "query"],
  ]) {
    const found = path.reduce<unknown>(member, raw);
    if (typeof found === "string") return [path, found];
  }
  return [["steps", step], ""];
}

function member(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
