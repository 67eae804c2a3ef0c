import { z } from "zod";
import { templateFile } from "./schema.ts";

/** The JSON Schema of template files, for editors: configs/pipeline.schema.json is this. */
export function templateJsonSchema(): z.core.JSONSchema.BaseSchema {
  return {
    title: "Convergence pipeline template",
    ...z.toJSONSchema(templateFile, { io: "input", reused: "ref" }),
  };
}
