import { stepType } from "./step-type.ts";

/** Does nothing and completes: for examples, and to measure the platform itself. */
export const noop = stepType({
  name: "noop",
  fields: {},
  compile: () => () => ({ type: "noop" }),
});
