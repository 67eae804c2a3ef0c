import { z } from "zod";
import { TABLE_NAME } from "./destination.ts";
import { stepType } from "./step-type.ts";

/**
 * Proves that tables of the tenant's dataset can be read and that the dataset can be written to. The runner writes
 * a probe table and deletes it, so that no table stays behind.
 */
export const datasetCheck = stepType({
  name: "dataset_check",
  fields: {
    tables: z
      .array(z.string().regex(TABLE_NAME, "must be a table's name: letters, digits, _ and -"))
      .min(1, "must name at least one table")
      .describe("Tables of the tenant's dataset that must be readable"),
  },
  compile:
    ({ tables }) =>
    () => ({ type: "dataset_check", tables }),
});
