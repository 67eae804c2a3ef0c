/** Writes configs/pipeline.schema.json: `node libs/pipeline/generate.ts`, then `npm run format`. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { templateJsonSchema } from "./json-schema.ts";

const file = join(import.meta.dirname, "..", "..", "configs", "pipeline.schema.json");
await writeFile(file, `${JSON.stringify(templateJsonSchema(), null, 2)}\n`);
