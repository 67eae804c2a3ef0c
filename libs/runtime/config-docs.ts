import { writeFile } from "node:fs/promises";
import path from "node:path";
import { configMarkdown } from "./config.ts";

await writeFile(path.join(import.meta.dirname, "..", "..", "docs", "CONFIGURATION.md"), configMarkdown());
