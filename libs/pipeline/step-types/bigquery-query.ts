import { z } from "zod";
import { resolveSql } from "../sql/bind.ts";
import { compileSql } from "../sql/compile.ts";
import { compileText, render } from "../text.ts";
import type { Scope, Text } from "../types.ts";
import { checkDestination, compileDestination, destinationSchema, tenantDataset } from "./destination.ts";
import { stepType } from "./step-type.ts";

const query = z
  .string()
  .min(1, "must not be empty")
  .describe("One SELECT in GoogleSQL; {name} is replaced safely");

/** The document's short form: a source and a destination at the top of the file. */
export const sourceSchema = z
  .strictObject({
    project_id: z.string().min(1, "must not be empty").optional().describe("The platform's project"),
    dataset: tenantDataset.optional(),
    query,
  })
  .describe("What is read");

/** Runs a SELECT over the tenant's tables; its result goes to a table, or, without a destination, nowhere. */
export const bigqueryQuery = stepType({
  name: "bigquery_query",
  earlierNames: ["bigquery_to_bigquery", "transform"],
  fields: {
    query: query.optional(),
    source: sourceSchema.optional(),
    destination: destinationSchema.optional(),
  },
  variables: { query: "sql", source: "text", "source.query": "sql", destination: "text" },

  check(step, tell) {
    if (step.query === undefined && step.source === undefined)
      tell([], "query is missing: write the SELECT to run");
    if (step.query !== undefined && step.source !== undefined) {
      tell(["source"], "a step has a query or a source, not both: take one out");
    }
    if (step.destination !== undefined) {
      checkDestination(step.destination, (path, message) => tell(["destination", ...path], message));
    }
  },

  compile(step, place, types) {
    const sql = compileSql(step.query ?? step.source?.query ?? "", types).sql;
    const project = step.source?.project_id === undefined ? null : compileText(step.source.project_id);
    const sqlPlace = joinPlace(place, step.query === undefined ? "source.query" : "query");
    const destination =
      step.destination && compileDestination(step.destination, joinPlace(place, "destination"));
    return (scope) => {
      if (project !== null) checkProject(project, joinPlace(place, "source.project_id"), scope);
      return {
        type: "bigquery_query",
        query: resolveSql(sql, sqlPlace, scope),
        destination: destination?.(scope) ?? null,
      };
    };
  },
});

/** A run reads in the platform's own project; another one would need a grant, which this release does not have. */
function checkProject(text: Text, place: string, scope: Scope): void {
  const project = render(text, scope.values);
  if (project !== scope.project) {
    scope.problem(
      place,
      `is ${project}, but the platform runs in ${scope.project}: leave it out, or name that one`,
    );
  }
}

function joinPlace(step: string, field: string): string {
  return step === "" ? field : `${step}.${field}`;
}
