import { aggregate, aggregateFields, checkAggregate } from "../data-quality/aggregate-check.ts";
import { compileCheck, compileHead, headFields } from "./data-quality.ts";
import { stepType } from "./step-type.ts";

/** Proves that an aggregate of a table, such as a sum, comes to a stated number or to what a query gives. */
export const reconciliation = stepType({
  name: "reconciliation",
  fields: { ...headFields, ...aggregateFields },
  variables: {
    table: "text",
    where: "expression",
    aggregate: "expression",
    equals: "text",
    equals_query: "sql",
    tolerance: "text",
  },

  check(step, tell) {
    checkAggregate(step, (field, message) => tell([field], message));
  },

  compile(step, place, types) {
    const { table, where, mode, ...args } = step;
    const check = compileCheck({ check: aggregate.name, ...args }, place, 0, types);
    const work = compileHead({ table, where, mode }, place, types);
    return (scope) => ({
      type: "reconciliation",
      ...work(scope),
      sampleColumns: [],
      checks: [check(scope)],
    });
  },
});
